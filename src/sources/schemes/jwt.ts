/** JSON Web Tokens (RFC 7519) by keys of a set (RFC 7517), a public key, or a shared secret. Never by none. */
import { createPublicKey } from 'node:crypto'
import {
  type CryptoKey,
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  importSPKI,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  type ProtectedHeaderParameters,
} from 'jose'
import { checkPublicUrl } from '../../lib/public-url.ts'
import { ok, type Result } from '../../lib/result.ts'
import { encodeUtf8 } from '../../lib/utf8.ts'
import type { Given } from '../provider.ts'
import { type Refusal, refuse } from '../refusal.ts'

export const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const
export const SYMMETRIC = ['HS256', 'HS384', 'HS512'] as const

/** No issuer's clock is further from ours, if it is kept at all. */
const SKEW_MS_MAX = 60_000

/** How old the keys may be when one is missed: it may have been added since. */
const MISSED_AGE_MS_MAX = 60_000

/** Of the keys that a token may mean. */
const TRIED_MAX = 20

export interface JwtSettings {
  jwks_url?: string | undefined
  public_key?: string | undefined
  algorithms?: readonly string[] | undefined
  issuer?: string | undefined
  audience?: string | undefined
}

type Key = CryptoKey | Uint8Array

/** Where an endpoint might be as well: nothing inside of a network. */
export function isPublicUrl(text: string): boolean {
  return checkPublicUrl(text, { allow_private: false, ports: [443, 8443] }).ok
}

/** Whether a text is a public key in PEM, or has one in it. A private key is none: it does not belong here. */
export function isPublicKey(pem: string): boolean {
  return !pem.includes('PRIVATE KEY') && toSpki(pem) !== null
}

/** What a token says, once it was believed: signature, issuer, audience, `nbf` and `exp`. */
export async function verifyJwt(
  token: string,
  given: Given<{ secret?: string | undefined }, JwtSettings>,
): Promise<Result<JWTPayload, Refusal>> {
  const { issuer, audience, jwks_url, public_key, algorithms } = given.settings
  const is_asymmetric = jwks_url !== undefined || public_key !== undefined
  const options: JWTVerifyOptions = {
    algorithms: [...(algorithms ?? (is_asymmetric ? ASYMMETRIC : SYMMETRIC))],
    currentDate: new Date(given.now),
    clockTolerance: Math.min(given.tolerance_ms, SKEW_MS_MAX) / 1000,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  }
  const keys = await findKeys(token, options.algorithms ?? [], given)
  if (!keys.ok) return keys
  let outcome: Result<JWTPayload, Refusal> = refuse('signature_mismatch')
  for (const key of keys.value) {
    const attempt = await verifyWith(token, key, options)
    // A later key does not undo what an earlier one has shown.
    if (!outcome.ok && (attempt.ok || attempt.error !== 'signature_mismatch')) outcome = attempt
  }
  return outcome
}

async function verifyWith(token: string, key: Key, options: JWTVerifyOptions): Promise<Result<JWTPayload, Refusal>> {
  try {
    return ok((await jwtVerify(token, key, options)).payload)
  } catch (error) {
    return refuse(reasonOf(error))
  }
}

/** All that a token may be signed with. */
async function findKeys(
  token: string,
  algorithms: readonly string[],
  { settings, credentials, means }: Given<{ secret?: string | undefined }, JwtSettings>,
): Promise<Result<readonly Key[], Refusal>> {
  const header = readHeader(token)
  if (header === null) return refuse('malformed_signature')
  const { alg } = header
  if (alg === undefined || !algorithms.includes(alg)) return refuse('untrusted_key')
  const { jwks_url: url, public_key } = settings
  if (url !== undefined) {
    const keys = await keysOfSet(header, await means.load(url))
    const is_missed = !keys.ok && keys.error === 'untrusted_key'
    return is_missed ? keysOfSet(header, await means.load(url, MISSED_AGE_MS_MAX)) : keys
  }
  if (public_key !== undefined) return importKey(toSpki(public_key) ?? '', alg)
  const secrets = credentials.flatMap(({ secret }) => (secret === undefined ? [] : [encodeUtf8(secret)]))
  return secrets.length > 0 ? ok(secrets) : refuse('no_credentials')
}

function readHeader(token: string): ProtectedHeaderParameters | null {
  try {
    return decodeProtectedHeader(token)
  } catch {
    return null
  }
}

async function importKey(spki: string, algorithm: string): Promise<Result<readonly Key[], Refusal>> {
  try {
    return ok([await importSPKI(spki, algorithm)])
  } catch {
    // Of another kind than the algorithm.
    return refuse('untrusted_key')
  }
}

/** More than one where the token does not say which. */
async function keysOfSet(
  header: ProtectedHeaderParameters,
  set: Uint8Array | null,
): Promise<Result<readonly Key[], Refusal>> {
  const find = set && readSet(set)
  if (!find) return refuse('key_unavailable')
  try {
    return ok([await find(header)])
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return refuse('untrusted_key')
    const keys: Key[] = []
    for await (const key of error) {
      keys.push(key)
      if (keys.length === TRIED_MAX) break
    }
    return ok(keys)
  }
}

function readSet(bytes: Uint8Array): ReturnType<typeof createLocalJWKSet> | null {
  try {
    return createLocalJWKSet(JSON.parse(new TextDecoder().decode(bytes)) as JSONWebKeySet)
  } catch {
    return null
  }
}

function toSpki(pem: string): string | null {
  try {
    return createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString()
  } catch {
    return null
  }
}

/** What jose says went wrong. */
function reasonOf(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return 'timestamp_too_old'
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf') return error.reason === 'check_failed' ? 'timestamp_in_future' : 'malformed_timestamp'
    return error.claim === 'iss' || error.claim === 'aud' ? 'wrong_recipient' : 'malformed_timestamp'
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature_mismatch'
  // What is not jose's own comes of a key that does not fit.
  return error instanceof errors.JOSEError ? 'malformed_signature' : 'untrusted_key'
}
