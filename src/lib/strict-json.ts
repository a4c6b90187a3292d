/**
 * What `JSON.parse` takes though two readers may make different things of it (RFC 7493, "I-JSON", section 2).
 * One pass over the text, without recursion and before anything is made of it.
 */
import { err, ok, type Result } from './result.ts'

/** Some readers take no more, and whoever walks such a value by recursion needs a piece of the stack for each. */
export const NESTING_MAX = 128

/**
 * Values and members of one body. Each takes some 60 bytes once it is parsed, as an empty object of two characters does:
 * without this, 10 MB of them would be 200 MB, and an isolate has 128 MB for everybody.
 */
export const VALUES_MAX = 250_000

const NAME_LENGTH_SHOWN = 64

const TOO_MANY = `it has more than ${VALUES_MAX} values`

const [QUOTE, COMMA, OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d,
]

/** Any half of a pair: only then is it worth looking at each. */
const SURROGATE = /\\u[dD][89a-fA-F]/
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|.)/gs

/**
 * Refuses text that is nested too deeply, holds too many values, has a name twice in one object, or half of a surrogate pair. The
 * error is a sentence. What is no JSON at all is not found here: the parser says that.
 */
export function checkStrictJson(text: string): Result<void, string> {
  if (SURROGATE.test(text) && hasLoneSurrogate(text)) return err('it has half of a surrogate pair, which is no text')
  /** The names of each object that is open; null for a list. */
  const open: (Set<string> | null)[] = []
  let names: Set<string> | null = null
  let is_name_next = false
  let values = 1
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at)
        if (end === -1) return ok(undefined)
        if (is_name_next && names !== null) {
          const name = readName(text, at, end)
          if (name === null) return ok(undefined)
          if (names.has(name))
            return err(`the name ${JSON.stringify(name.slice(0, NAME_LENGTH_SHOWN))} is twice in one object`)
          names.add(name)
          is_name_next = false
        }
        at = end
        break
      }
      case COMMA:
        if (++values > VALUES_MAX) return err(TOO_MANY)
        is_name_next = names !== null
        break
      case OPEN_OBJECT:
      case OPEN_LIST:
        if (++values > VALUES_MAX) return err(TOO_MANY)
        if (open.length === NESTING_MAX) return err(`it is nested deeper than ${NESTING_MAX} levels`)
        is_name_next = text.charCodeAt(at) === OPEN_OBJECT
        names = is_name_next ? new Set() : null
        open.push(names)
        break
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        open.pop()
        names = open.at(-1) ?? null
        is_name_next = false
        break
    }
  }
  return ok(undefined)
}

/** Where the string that begins at `from` ends; -1 when it never does. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text.charCodeAt(first - 1) === BACKSLASH) first--
    // Each pair of backslashes is one of the text; one that is left over escapes the quote.
    if ((end - first) % 2 === 0) return end
  }
  return -1
}

/** A name without its escapes, so that `"a"` and `"\u0061"` are the same; null when it has one that does not exist. */
function readName(text: string, from: number, end: number): string | null {
  const name = text.slice(from + 1, end)
  if (!name.includes('\\')) return name
  try {
    return JSON.parse(text.slice(from, end + 1))
  } catch {
    return null
  }
}

function hasLoneSurrogate(text: string): boolean {
  let high_ends_at = -1
  for (const { 0: written, 1: digits = '', index } of text.matchAll(ESCAPE)) {
    const unit = Number.parseInt(digits, 16)
    const is_low = unit >= 0xdc00 && unit <= 0xdfff
    const completes = is_low && high_ends_at === index
    if (!completes && (is_low || high_ends_at !== -1)) return true
    high_ends_at = unit >= 0xd800 && unit <= 0xdbff ? index + written.length : -1
  }
  return high_ends_at !== -1
}
