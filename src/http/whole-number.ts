import { z } from '@hono/zod-openapi'

/**
 * A whole number in a path or a query, written as people write one. `z.coerce` would take whatever JavaScript
 * takes for a number: `0x10`, `1e2`, ` 5 `, and the empty text for 0.
 */
export function wholeNumber(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) {
  return z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(minimum).max(maximum))
    .openapi({ type: 'integer', minimum, ...(maximum < Number.MAX_SAFE_INTEGER && { maximum }) })
}
