/** Text that people write and others will read. */
import { z } from '@hono/zod-openapi'

/** Control characters, line separators, and what makes text read otherwise than it is (Unicode TR 36, bidirectional). */
const UNSHOWN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u

/** A name or a key: one line, shown as it is. */
export function line(length_max: number) {
  return z
    .string()
    .max(length_max)
    .refine((text) => !UNSHOWN.test(text), 'must not have control characters')
}

/** The same, in which lines may be broken. */
export function prose(length_max: number) {
  return z
    .string()
    .max(length_max)
    .refine((text) => !UNSHOWN.test(text.replaceAll(/[\n\r\t\u2028\u2029]/g, ' ')), 'must not have control characters')
}
