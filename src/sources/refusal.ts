import { err, type Result } from '../lib/result.ts'

/**
 * Why a request to a source was not believed. For its owner only: whoever called is told nothing but that it was not.
 */
export const REFUSALS = [
  /** A header that the scheme needs is not there, or a member of the body that carries the signature. */
  'missing_signature',
  /** What proves who sent it is there more than once: no two readers would agree which one counts. */
  'duplicate_header',
  'malformed_signature',
  'signature_mismatch',
  'malformed_timestamp',
  'timestamp_too_old',
  'timestamp_in_future',
  /** User and password, token or API key are not those of the source. */
  'wrong_credentials',
  /** The certificate or key that it names is not one of the provider's. */
  'untrusted_key',
  /** Genuine, but not meant for this source: another account, topic or audience. */
  'wrong_recipient',
  /** Nobody has given the source its credentials yet. */
  'no_credentials',
  'address_not_allowed',
  /** The provider's certificate or keys could not be had right now. Not the caller's fault: it is asked to come again. */
  'key_unavailable',
] as const

export type Refusal = (typeof REFUSALS)[number]

/** What verifying comes to. */
export type Verdict = Result<void, Refusal>

/** A refusal as a verdict. */
export function refuse(reason: Refusal): { ok: false; error: Refusal } {
  return err(reason)
}
