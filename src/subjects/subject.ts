import { sha256Hex } from '../lib/hash.ts'

/**
 * A data subject as it is stored: SHA-256 (hex) over tenant and name, which is enough to find what is theirs. It is no
 * secret, since names can be guessed, but it is not the name: who reads the storage sees that two messages are about the
 * same person, of one tenant alone, and not who that is. Not under a master key, because those are replaced.
 */
export function hashSubject(tenant_id: string, subject: string): Promise<string> {
  // One name may be typed in two ways that look the same.
  return sha256Hex(`postern subject\n${tenant_id}\n${subject.normalize('NFC')}`)
}
