import { z } from '@hono/zod-openapi'

/** RFC 3339 in UTC, as every time in an answer. */
export function toTime(unix_ms: number): string {
  return new Date(unix_ms).toISOString()
}

export function toTimeOrNull(unix_ms: number | null): string | null {
  return unix_ms === null ? null : toTime(unix_ms)
}

/** A time in an answer. */
export const time = z.iso.datetime().openapi({ example: '2026-11-24T09:30:00.000Z' })

/** A time in a request, read into Unix milliseconds. */
export const timeInput = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .openapi({ type: 'string', format: 'date-time', example: '2026-11-24T09:30:00Z' })
