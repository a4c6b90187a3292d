/**
 * What receivers do of Standard Webhooks 1.0: `v1` (HMAC-SHA256, `whsec_…`) and `v1a` (Ed25519, `whpk_…`) of
 * `{id}.{timestamp}.{body}`. What senders do of it is in signatures/standard-webhooks.ts.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { concat } from '../../lib/bytes.ts'
import { fromBase64 } from '../../lib/hash.ts'
import { ok, type Result } from '../../lib/result.ts'
import { encodeUtf8 } from '../../lib/utf8.ts'
import type { InboundRequest } from '../provider.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'
import { signedByAny } from './ed25519.ts'
import { decodeSignature } from './encoding.ts'
import { soleHeader } from './header.ts'
import { matchesAny } from './hmac.ts'
import { checkTime, parseUnix } from './timestamp.ts'

/** Supabase shows its secrets with the version before them. */
const SECRET = /^(?:v1,)?(whsec_|whpk_)(.*)$/

/** The specification asks for 24 bytes at least; some that are in use are shorter, and Svix takes up to 75. */
const HMAC_BYTES_MIN = 16
const HMAC_BYTES_MAX = 75
const PUBLIC_BYTES = 32

/** Of one version: each costs a hash of the body. A sender needs two while it rotates. */
const SIGNATURES_MAX = 10

export interface VerifyingKey {
  version: 'v1' | 'v1a'
  bytes: Uint8Array
}

/** Reads `whsec_…` or `whpk_…`; null for anything else. */
export function parseVerifyingKey(text: string): VerifyingKey | null {
  const [, prefix, base64 = ''] = SECRET.exec(text) ?? []
  const bytes = fromBase64(base64)
  if (prefix === undefined || !bytes.ok) return null
  const { length } = bytes.value
  if (prefix === 'whpk_') return length === PUBLIC_BYTES ? { version: 'v1a', bytes: bytes.value } : null
  return length >= HMAC_BYTES_MIN && length <= HMAC_BYTES_MAX ? { version: 'v1', bytes: bytes.value } : null
}

/**
 * Whether any of the secrets has signed the request, about now.
 * @param secrets as they are written; what is no secret has signed nothing
 * @param prefix of the headers' names: `webhook-`, or `svix-`
 */
export async function verifyStandardWebhook(
  { headers, body }: InboundRequest,
  secrets: readonly string[],
  prefix: string,
  clock: { now: number; tolerance_ms: number },
): Promise<Verdict> {
  const id = soleHeader(headers, `${prefix}id`)
  if (!id.ok) return id
  // Else a request that was signed long ago could be cut elsewhere: at a time of now, in a text that somebody chose.
  if (id.value.includes('.')) return refuse('malformed_signature')
  const timestamp = soleHeader(headers, `${prefix}timestamp`)
  if (!timestamp.ok) return timestamp
  const header = soleHeader(headers, `${prefix}signature`)
  if (!header.ok) return header
  const signatures = parseSignatures(header.value)
  if (!signatures.ok) return signatures
  const signed_at = parseUnix(timestamp.value, 's')
  if (!signed_at.ok) return signed_at
  const head = encodeUtf8(`${id.value}.${timestamp.value}.`)
  const verdict = await verifySignatures(signatures.value, secrets, head, body)
  return verdict.ok ? checkTime(signed_at.value, clock) : verdict
}

interface Signatures {
  v1: Uint8Array[]
  v1a: Uint8Array[]
}

/** `v1,… v1a,…`: one for each key of the sender. Versions that we do not know are passed over, as the specification has it. */
function parseSignatures(header: string): Result<Signatures, Refusal> {
  const signatures: Signatures = { v1: [], v1a: [] }
  for (const part of header.split(' ')) {
    const [version, base64 = ''] = part.split(',', 2)
    if (version !== 'v1' && version !== 'v1a') continue
    const bytes = decodeSignature(base64, 'base64')
    if (!bytes.ok || signatures[version].push(bytes.value) > SIGNATURES_MAX) return refuse('malformed_signature')
  }
  const is_signed = signatures.v1.length + signatures.v1a.length > 0
  return is_signed ? ok(signatures) : refuse('malformed_signature')
}

async function verifySignatures(
  { v1, v1a }: Signatures,
  secrets: readonly string[],
  head: Uint8Array,
  body: Uint8Array,
): Promise<Verdict> {
  const keys = secrets.map(parseVerifyingKey).filter((key) => key !== null)
  const keysOf = (version: VerifyingKey['version']) =>
    keys.flatMap((key) => (key.version === version ? [key.bytes] : []))
  const shared = matchesAny('sha256', keysOf('v1'), [head, body], v1)
  const public_keys = keysOf('v1a')
  if (public_keys.length === 0 || v1a.length === 0) return shared
  const signed = await signedByAny(public_keys, concat([head, body]), v1a)
  return shared.ok ? shared : signed
}
