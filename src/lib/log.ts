/** Structured logs: one JSON object a line, which Workers Logs indexes by its fields. */

type Level = 'info' | 'warn' | 'error'

/**
 * @param message a stable dotted name, `projection.failed`: what to search for
 * @param fields never a secret, a payload or a header value; an Error is shown as its message
 */
export type Log = (level: Level, message: string, fields?: Record<string, unknown>) => void

export const log: Log = (level, message, fields = {}) => {
  console[level](JSON.stringify({ level, message, ...fields }, showError))
}

function showError(_key: string, value: unknown): unknown {
  return value instanceof Error ? String(value) : value
}
