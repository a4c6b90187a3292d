/** Ed25519 (RFC 8032), as the providers sign that keep a private key to themselves. */
import { ok } from '../../lib/result.ts'
import { refuse, type Verdict } from '../refusal.ts'

const SIGNATURE_BYTES = 64

/**
 * Whether any of the keys has made any of the signatures. Looks at all of them.
 * @param keys public keys, 32 bytes each; one that is none has made nothing
 */
export async function signedByAny(
  keys: readonly Uint8Array[],
  signed: Uint8Array,
  signatures: readonly Uint8Array[],
): Promise<Verdict> {
  let is_signed = false
  for (const bytes of keys) {
    const key = await importPublic(bytes)
    if (key === null) continue
    // workerd throws at another length, where Node says that it does not match.
    for (const signature of signatures.filter(({ length }) => length === SIGNATURE_BYTES))
      is_signed = (await crypto.subtle.verify('Ed25519', key, signature, signed)) || is_signed
  }
  return is_signed ? ok(undefined) : refuse('signature_mismatch')
}

async function importPublic(bytes: Uint8Array) {
  try {
    return await crypto.subtle.importKey('raw', bytes, { name: 'Ed25519' }, false, ['verify'])
  } catch {
    return null
  }
}
