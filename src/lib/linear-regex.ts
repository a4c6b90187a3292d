/**
 * Regular expressions from users, on RE2: the time of one search grows with the text and the
 * pattern, never exponentially. The price is RE2's syntax: no lookaround, no backreferences.
 */
import { RE2JS } from 're2js'
import { err, ok, type Result } from './result.ts'

/** Steps of the automaton, which bound the time per character; `\w{1,64}` has 129. */
const INSTRUCTIONS_MAX = 5000

const programs = new WeakMap<RegExp, RE2JS>()

/** Translates a JavaScript regular expression, once; it is never run itself. */
export function compileLinear(regex: RegExp): Result<RE2JS, string> {
  const known = programs.get(regex)
  if (known !== undefined) return ok(known)
  const flags = (regex.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (regex.multiline ? RE2JS.MULTILINE : 0)
  try {
    const program = RE2JS.compile(RE2JS.translateRegExp(regex), flags)
    if (program.programSize() > INSTRUCTIONS_MAX) return err('the regular expression is too large')
    programs.set(regex, program)
    return ok(program)
  } catch (error) {
    return err(`the regular expression is not supported: ${(error as Error).message}`)
  }
}

/** As much of a RegExp as JSONata uses: it sets `lastIndex`, calls `exec`, and reads `lastIndex` again. */
export interface LinearRegex {
  lastIndex: number
  exec(text: unknown): ((string | undefined)[] & { index: number }) | null
}

/**
 * A global regular expression on RE2.
 * @param charge told before each search how many steps it takes at worst; may throw to refuse it
 */
export function createLinearRegex(regex: RegExp, charge: (operations: number) => void): LinearRegex {
  const program = compileLinear(regex)
  if (!program.ok) throw new Error(program.error)
  const instructions = program.value.programSize()
  return {
    lastIndex: 0,
    exec(text) {
      // RegExp would search the word "undefined" where a value is missing.
      if (typeof text !== 'string' || this.lastIndex > text.length) return null
      // A search that finds something near may still have looked at all the rest: many matches make a square.
      charge((text.length - this.lastIndex) * instructions)
      const matcher = program.value.matcher(text)
      if (!matcher.find(this.lastIndex)) {
        this.lastIndex = 0
        return null
      }
      this.lastIndex = matcher.end()
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? undefined)
      return Object.assign(groups, { index: matcher.start() })
    },
  }
}
