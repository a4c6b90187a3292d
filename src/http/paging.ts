import { z } from '@hono/zod-openapi'
import { ProblemError, problem } from './problems.ts'
import { wholeNumber } from './whole-number.ts'

/** Query members of every list. */
export const pageQuery = z.object({
  limit: wholeNumber(1, 250).default(50).openapi({ default: 50, description: 'Items a page' }),
  cursor: z.string().max(1000).optional().openapi({ description: '`next_cursor` of the page before' }),
})

/** `{data, next_cursor}`. */
export function pageOf<S extends z.ZodType>(item: S) {
  return z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().openapi({ description: 'Null on the last page' }),
  })
}

/** A place among one endpoint's deliveries: position and lane. */
export const placeCursor = z
  .tuple([z.int().min(0), z.int().min(0)])
  .transform(([position, lane]) => ({ position, lane }))

/** A cursor is the sort key of the last item shown, as opaque text. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return btoa(JSON.stringify(key)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** @throws ProblemError `invalid_cursor` */
export function decodeCursor<S extends z.ZodType>(cursor: string, schema: S): z.output<S> {
  try {
    return schema.parse(JSON.parse(atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))))
  } catch {
    throw new ProblemError(problem('invalid_cursor', 'use the next_cursor of an answer, unchanged'))
  }
}

/**
 * Cuts a list that was read one item longer than asked for.
 * @param keyOf the sort key of an item
 */
export function toPage<T>(
  rows: T[],
  limit: number,
  keyOf: (row: T) => readonly (string | number)[],
): { data: T[]; next_cursor: string | null } {
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  return { data, next_cursor: rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null }
}
