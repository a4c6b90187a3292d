/** What a schema finds wrong with a request, as its author reads it. */
import type { z } from '@hono/zod-openapi'
import { type Problem, problem } from './problems.ts'

/** As many as an author takes in at once. Without a limit, what is refused could be answered with several times its size. */
const ERRORS_MAX = 50
const TEXT_LENGTH_MAX = 256

type Issue = z.core.$ZodIssue

/**
 * The refusal that names each member which is wrong, and why.
 * @param at the member in which the schema was looked for, where it is not the whole that it describes
 */
export function refuseIssues(issues: readonly Issue[], at: readonly PropertyKey[] = []): Problem {
  const errors = issues
    .slice(0, ERRORS_MAX)
    .flatMap(toReasons)
    .slice(0, ERRORS_MAX)
    .map(({ path, message }) => ({ path: cut([...at, ...path].join('.')), message: cut(message) }))
  const [first] = errors
  const detail =
    first === undefined ? 'it does not fit its schema' : [first.path, first.message].filter(Boolean).join(': ')
  return problem('invalid_request', detail, { errors })
}

function cut(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}…`
}

/**
 * Of a body that may have one of several forms: what is wrong by the form that was meant, so that its
 * author reads about the member that is wrong and not about the choice. Where no form is closer than the
 * others, the choice is what is wrong.
 */
function toReasons(issue: Issue): Pick<Issue, 'path' | 'message'>[] {
  if (issue.code !== 'invalid_union') return [issue]
  const [closest, next] = issue.errors.toSorted((a, b) => unknownMembers(a) - unknownMembers(b))
  if (closest === undefined || (next !== undefined && unknownMembers(next) === unknownMembers(closest))) return [issue]
  return closest.flatMap(toReasons).map(({ path, message }) => ({ path: [...issue.path, ...path], message }))
}

/** Members that a form does not know are the surest sign that another was meant. */
function unknownMembers(issues: readonly Issue[]): number {
  return issues.reduce((count, issue) => count + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0), 0)
}
