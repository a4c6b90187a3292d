import { type JsonObject, lengthOf } from './values.ts'

const BY_FORMAT: Record<string, string> = {
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  duration: 'P1D',
  email: 'someone@example.com',
  'idn-email': 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  'uri-reference': '/example',
  iri: 'https://example.com/',
  uuid: '01890a5d-ac96-774b-bcce-b302099a8057',
  'json-pointer': '/example',
  regex: '.*',
}
const LENGTH_MAX = 4096

/** Text that fits a schema's format, pattern and lengths, as far as a guess can. */
export function exampleText(schema: JsonObject): string {
  const { format, pattern, minLength = 0, maxLength = LENGTH_MAX } = schema
  if (typeof pattern === 'string') return textOf(pattern, Number(minLength))
  const text = (typeof format === 'string' && Object.hasOwn(BY_FORMAT, format) && BY_FORMAT[format]) || 'example'
  const length = Math.min(Number(minLength), LENGTH_MAX)
  return text.padEnd(text.length + Math.max(0, length - lengthOf(text)), 'x').slice(0, Number(maxLength))
}

/** What a group may be repeated at most; more makes no better example. */
const REPEATS_MAX = 64

/**
 * The shortest text that a plain regular expression matches: literals, classes, groups, the first of
 * alternatives, repetitions. Others come out wrong, which the validation of the example notices.
 */
function textOf(pattern: string, length_min: number): string {
  const parts: { text: string; grows: boolean }[] = []
  let at = 0
  const sequence = (): void => {
    while (at < pattern.length && pattern[at] !== ')' && pattern[at] !== '|') {
      const from = parts.length
      atom()
      repeat(from)
    }
    // The first alternative is taken, the others are skipped.
    if (pattern[at] === '|') {
      const taken = parts.length
      at++
      sequence()
      parts.length = taken
    }
  }
  const atom = (): void => {
    const char = pattern[at++] ?? ''
    if (char === '(') {
      const mark = /^\?(?::|<[^>]*>)/.exec(pattern.slice(at))
      at += mark?.[0].length ?? 0
      sequence()
      at++
    } else if (char === '[') parts.push({ text: ofClass(), grows: false })
    else if (char === '\\') parts.push({ text: ofEscape(pattern[at++] ?? ''), grows: false })
    else if (char !== '^' && char !== '$') parts.push({ text: char === '.' ? 'x' : char, grows: false })
  }
  const ofClass = (): string => {
    const end = pattern.indexOf(']', at + 1)
    const body = pattern.slice(at, end === -1 ? pattern.length : end)
    at += body.length + 1
    if (body.startsWith('^')) return [...'x0-A _'].find((char) => !body.includes(char)) ?? 'x'
    return body.startsWith('\\') ? ofEscape(body[1] ?? '') : (body[0] ?? '')
  }
  const ofEscape = (char: string): string => {
    if (char === 'p') at = pattern.indexOf('}', at) + 1
    return { d: '0', w: 'x', s: ' ', D: 'x', W: '-', S: 'x', b: '', B: '', p: 'x', t: '\t', n: '\n' }[char] ?? char
  }
  const repeat = (from: number): void => {
    const mark = /^(?:[*+?]|\{(\d+)(,\d*)?\})\??/.exec(pattern.slice(at))
    if (mark === null) return
    at += mark[0].length
    const piece = parts
      .splice(from)
      .map(({ text }) => text)
      .join('')
    const least = mark[1] === undefined ? (mark[0].startsWith('+') ? 1 : 0) : Number(mark[1])
    const grows = /^[*+]|,\}/.test(mark[0]) || (mark[2] !== undefined && mark[2] !== ',')
    // A marker for what may grow; the piece itself is what is added.
    parts.push({ text: piece.repeat(Math.min(least, REPEATS_MAX)), grows: false })
    if (grows) parts.push({ text: piece, grows })
  }
  sequence()
  const least = parts.reduce((sum, { text, grows }) => sum + (grows ? 0 : text.length), 0)
  let needed = Math.min(length_min, LENGTH_MAX) - least
  return parts
    .map(({ text, grows }) => {
      if (!grows) return text
      if (needed <= 0 || text === '') return ''
      const count = Math.ceil(needed / text.length)
      needed = 0
      return text.repeat(count)
    })
    .join('')
}
