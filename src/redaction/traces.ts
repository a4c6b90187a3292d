/**
 * Finds traces of redacted values in text that somebody else wrote: the answer of a receiver, an error
 * that quotes what it failed on. Where there is any the whole text is hidden, because no rule can say
 * where in free text a value begins and ends.
 */
import { parseLossless } from '../lib/json.ts'

/** So many letters and digits in a row are no accident. Shorter values are looked for as a whole. */
const TRACE_LENGTH = 6
/** Of all values together; more make every text a suspect. */
const FOLDED_LENGTH_MAX = 64 * 1024
/** What a value counts for at least: each short one is looked for by itself, in every text of every attempt. */
const LEAF_LENGTH_MIN = 16
/** Names of members are mostly words of a format, and seldom data: then they have something else than letters. */
const PLAIN_NAME = /^[A-Za-z_]*$/

export interface Traces {
  /** Runs of {@link TRACE_LENGTH} letters and digits. */
  runs: ReadonlySet<string>
  /** Short values, folded. */
  wholes: ReadonlySet<string>
  /** Values without a letter or digit, as they are. */
  marks: ReadonlySet<string>
}

/**
 * @param removed what was redacted, as JSON
 * @returns null when it is too much to look for
 */
export function tracesOf(removed: readonly string[]): Traces | null {
  const runs = new Set<string>()
  const wholes = new Set<string>()
  const marks = new Set<string>()
  let length = 0
  for (const json of removed) {
    for (const leaf of leavesOf(parseLossless(json))) {
      const folded = fold(leaf)
      length += Math.max(folded.length, LEAF_LENGTH_MIN)
      if (length > FOLDED_LENGTH_MAX) return null
      if (folded === '' && leaf.trim() !== '') marks.add(leaf)
      else if (folded !== '' && folded.length <= TRACE_LENGTH) wholes.add(folded)
      else for (const run of runsOf(folded)) runs.add(run)
    }
  }
  return { runs, wholes, marks }
}

/** Whether a text has something of these values, in whatever case, punctuation or escaping. Never throws. */
export function hasTrace(text: string, { runs, wholes, marks }: Traces): boolean {
  if (runs.size + wholes.size + marks.size === 0) return false
  return readings(text).some((reading) => {
    const folded = fold(reading)
    return (
      some(marks, (mark) => reading.includes(mark)) ||
      some(wholes, (whole) => folded.includes(whole)) ||
      some(runsOf(folded), (run) => runs.has(run))
    )
  })
}

/** Strings and numbers, however deep. `true`, `false` and `null` tell nothing apart. */
function* leavesOf(value: unknown): Generator<string> {
  for (const pending = [value]; pending.length > 0; ) {
    const next = pending.pop()
    if (typeof next === 'string') yield next
    else if (typeof next === 'number') yield String(next)
    else if (typeof next === 'object' && next !== null) {
      for (const [name, member] of Object.entries(next)) {
        if (!PLAIN_NAME.test(name) && !Array.isArray(next)) yield name
        pending.push(member)
      }
    }
  }
}

/** Letters and digits alone, in one case: an address or a number is the same however it is written. */
function fold(text: string): string {
  return (
    text
      .normalize('NFKD')
      // Not to lower case, which depends on what stands beside a letter (Unicode, "final sigma").
      .toUpperCase()
      .replace(/[^\p{L}\p{N}]/gu, '')
  )
}

function* runsOf(folded: string): Generator<string> {
  for (let i = 0; i + TRACE_LENGTH <= folded.length; i++) yield folded.slice(i, i + TRACE_LENGTH)
}

function some<T>(items: Iterable<T>, holds: (item: T) => boolean): boolean {
  for (const item of items) if (holds(item)) return true
  return false
}

/** The text as it is, and as whoever decodes it once or twice reads it. */
function readings(text: string): string[] {
  const once = decode(text)
  return [...new Set([text, once, decode(once)])]
}

function decode(text: string): string {
  return (
    text
      .replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => utf8.decode(Uint8Array.from(bytes.slice(1).split('%'), hex)))
      .replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(hex(code)))
      .replace(/&#x([0-9a-f]{1,5});/gi, (_, code: string) => String.fromCodePoint(hex(code)))
      .replace(/&#([0-9]{1,6});/g, (_, code: string) => String.fromCodePoint(Number(code)))
      // Escapes of one letter would put a letter between those of a value.
      .replace(/\\[nrtbf]|&(?:amp|lt|gt|quot|apos);/g, ' ')
  )
}

const utf8 = new TextDecoder()

function hex(digits: string): number {
  return Number.parseInt(digits, 16)
}
