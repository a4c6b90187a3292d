/** Secrets that are sent as they are. */
import { createHash } from 'node:crypto'
import { equalInConstantTime } from '../../lib/hash.ts'

/** Whether two tokens are the same. Their hashes are compared, so that not even their lengths show. */
export function isSameToken(given: string, expected: string): boolean {
  return equalInConstantTime(hashOf(given), hashOf(expected))
}

function hashOf(token: string): Uint8Array {
  return createHash('sha256').update(token).digest()
}
