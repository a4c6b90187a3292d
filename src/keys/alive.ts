import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { KeyRow } from './table.ts'

/** What has ended stays as it was: it is a record. */
export function checkAlive({ revoked_at, expires_at }: KeyRow, now: number): Result<void, Problem> {
  if (revoked_at !== null) return err(problem('wrong_state', 'the key is revoked'))
  if (expires_at !== null && expires_at <= now) return err(problem('wrong_state', 'the key has expired'))
  return ok(undefined)
}
