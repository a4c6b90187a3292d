/**
 * Signatures of Standard Webhooks 1.0: symmetric `v1` (HMAC-SHA256, secrets `whsec_…`) and asymmetric
 * `v1a` (Ed25519, private `whsk_…`, public `whpk_…`).
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { concat } from '../lib/bytes.ts'
import { importSeed, publicBytes } from '../lib/ed25519.ts'
import { fromBase64, toBase64 } from '../lib/hash.ts'
import type { RandomBytes } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { encodeUtf8 } from '../lib/utf8.ts'

export type SecretKind = 'hmac' | 'ed25519'

export interface SigningKey {
  readonly version: 'v1' | 'v1a'
  readonly key: CryptoKey
}

const HMAC_PREFIX = 'whsec_'
const PRIVATE_PREFIX = 'whsk_'
const PUBLIC_PREFIX = 'whpk_'

/** The specification's bounds for a symmetric secret ("Signature scheme": 24 to 64 bytes). */
const HMAC_BYTES_MIN = 24
const HMAC_BYTES_MAX = 64
const HMAC_BYTES_NEW = 32
const SEED_BYTES = 32

export interface CreatedSecret {
  secret: string
  /** What receivers verify with; null for a symmetric secret, which they share. */
  public_key: string | null
}

/**
 * Makes a secret: 32 random bytes for `v1`, a key pair for `v1a`.
 * @param random source of random bytes
 */
export async function createSecret(kind: SecretKind, random: RandomBytes): Promise<CreatedSecret> {
  if (kind === 'hmac') return { secret: HMAC_PREFIX + toBase64(random(HMAC_BYTES_NEW)), public_key: null }
  const seed = random(SEED_BYTES)
  const public_bytes = await publicBytes(await importSeed(seed, true))
  return {
    // Seed and public key together, as Svix's server and the libraries of the specification write a private key.
    secret: PRIVATE_PREFIX + toBase64(Uint8Array.of(...seed, ...public_bytes)),
    public_key: PUBLIC_PREFIX + toBase64(public_bytes),
  }
}

export type SecretRefusal = 'unknown_prefix' | 'not_base64' | 'wrong_length'

export interface ParsedSecret {
  kind: SecretKind
  /** The shared secret, or the private key's seed. */
  bytes: Uint8Array
}

/**
 * Reads a secret, ours or one that a user brings along: `whsec_` with 24 to 64 bytes, `whsk_` with
 * a seed of 32 bytes or a seed and its public key, which follows from the seed and is not looked at.
 */
export function parseSecret(text: string): Result<ParsedSecret, SecretRefusal> {
  const kind = text.startsWith(HMAC_PREFIX) ? 'hmac' : text.startsWith(PRIVATE_PREFIX) ? 'ed25519' : null
  if (kind === null) return err('unknown_prefix')
  const bytes = fromBase64(text.slice(text.indexOf('_') + 1))
  if (!bytes.ok) return bytes
  const { length } = bytes.value
  if (kind === 'hmac') {
    return length < HMAC_BYTES_MIN || length > HMAC_BYTES_MAX ? err('wrong_length') : ok({ kind, bytes: bytes.value })
  }
  if (length !== SEED_BYTES && length !== 2 * SEED_BYTES) return err('wrong_length')
  return ok({ kind, bytes: bytes.value.slice(0, SEED_BYTES) })
}

/** The `whpk_…` that belongs to a secret; null for a symmetric one. */
export async function publicKeyOf(secret: ParsedSecret): Promise<string | null> {
  if (secret.kind === 'hmac') return null
  return PUBLIC_PREFIX + toBase64(await publicBytes(await importSeed(secret.bytes, true)))
}

/** Makes a secret ready to sign; the key cannot be exported again. */
export async function importSigningKey(text: string): Promise<Result<SigningKey, SecretRefusal>> {
  const secret = parseSecret(text)
  if (!secret.ok) return secret
  const { kind, bytes } = secret.value
  if (kind === 'ed25519') return ok({ version: 'v1a', key: await importSeed(bytes, false) })
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  return ok({ version: 'v1', key: await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign']) })
}

/**
 * The value of `webhook-signature`: one signature per key, separated by spaces, over
 * `{id}.{timestamp}.` and the body's bytes.
 */
export async function signatureHeader(
  keys: readonly SigningKey[],
  id: string,
  timestamp_s: number,
  body: Uint8Array,
): Promise<string> {
  const signed = concat([encodeUtf8(`${id}.${timestamp_s}.`), body])
  const signatures = await Promise.all(
    keys.map(async ({ version, key }) => {
      const signature = await crypto.subtle.sign(key.algorithm.name, key, signed)
      return `${version},${toBase64(new Uint8Array(signature))}`
    }),
  )
  return signatures.join(' ')
}
