import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'

/** Whoever may not see what is redacted may redact more, and not less. */
export function checkLoosening(
  before: readonly string[],
  after: readonly string[],
  can_reveal: boolean,
): Result<void, Problem> {
  if (can_reveal || before.every((pointer) => after.includes(pointer))) return ok(undefined)
  return err(problem('forbidden', 'to redact less needs the permission payload.reveal'))
}
