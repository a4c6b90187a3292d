/** For signatures of some members of a body: all who read it have to see the same members. */
import { checkStrictJson } from '../../lib/strict-json.ts'

/** What is signed in this way is a few hundred bytes, and this is read as text. */
const BYTES_MAX = 256 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Whether no object of the body has a name twice. Readers differ in which of the two counts, so one with the members that
 * were signed could be sent before another that was not.
 */
export function isUnambiguous(body: Uint8Array): boolean {
  if (body.length > BYTES_MAX) return false
  try {
    return checkStrictJson(utf8.decode(body)).ok
  } catch {
    return false
  }
}
