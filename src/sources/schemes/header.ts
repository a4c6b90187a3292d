import { ok, type Result } from '../../lib/result.ts'
import { type Refusal, refuse } from '../refusal.ts'

/**
 * A header that has to be there exactly once. Its duplicates come joined by a comma and a space (Fetch, "get"), which no
 * value that proves anything has inside.
 * @param name in lower case
 */
export function soleHeader(headers: Headers, name: string): Result<string, Refusal> {
  const value = headers.get(name)
  if (value === null || value === '') return refuse('missing_signature')
  return value.includes(', ') ? refuse('duplicate_header') : ok(value)
}
