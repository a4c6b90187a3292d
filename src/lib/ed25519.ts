/** Ed25519 keys from their seeds, which WebCrypto only takes wrapped (RFC 8410, section 7). */
import { fromBase64 } from './hash.ts'

/** The DER that PKCS #8 puts before an Ed25519 seed. */
const PKCS8_PREFIX = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)

/** @param seed 32 bytes */
export function importSeed(seed: Uint8Array, extractable: boolean): Promise<CryptoKey> {
  const pkcs8 = Uint8Array.of(...PKCS8_PREFIX, ...seed)
  return crypto.subtle.importKey('pkcs8', pkcs8, { name: 'Ed25519' }, extractable, ['sign'])
}

/** The 32 bytes that others verify with. */
export async function publicBytes(private_key: CryptoKey): Promise<Uint8Array> {
  const { x } = (await crypto.subtle.exportKey('jwk', private_key)) as JsonWebKey
  // Base64url without padding (RFC 8037, section 2): 43 characters.
  const bytes = fromBase64(`${x?.replaceAll('-', '+').replaceAll('_', '/')}=`)
  if (!bytes.ok) throw new Error('an Ed25519 JWK always holds x')
  return bytes.value
}
