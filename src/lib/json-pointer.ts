/** JSON Pointer (RFC 6901), with one addition: a segment `*` stands for every element of an array and every member of an object. */
import { err, ok, type Result } from './result.ts'

/** Its segments, unescaped; none for the whole document. */
export type Pointer = readonly string[]

const EVERY = '*'
export const POINTER_LENGTH_MAX = 256

/** The error is what is wrong with it. */
export function parsePointer(text: string): Result<Pointer, string> {
  if (text === '') return ok([])
  if (text.length > POINTER_LENGTH_MAX) return err(`has more than ${POINTER_LENGTH_MAX} characters`)
  if (!text.startsWith('/')) return err('must be a JSON Pointer: empty, or beginning with /')
  if (/~(?![01])/.test(text)) return err('must be a JSON Pointer: ~ is written ~0, and / within a name ~1')
  return ok(text.slice(1).split('/').map(readSegment))
}

/** What is found among its parent's members under this name, or as the element of this number. */
export function leadsTo(segment: string | undefined, name: string): boolean {
  return segment === EVERY || segment === name
}

// In this order: `~01` is `~1`, not `/` (RFC 6901, section 4).
function readSegment(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~')
}
