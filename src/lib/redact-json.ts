/**
 * Replaces values of a JSON text and leaves every other character of it alone: numbers keep their digits,
 * members that come twice come twice, white space stays. So it walks the text, and not what it stands for.
 */
import { leadsTo, type Pointer } from './json-pointer.ts'

export const REDACTED = '[redacted]'
const REPLACEMENT = JSON.stringify(REDACTED)

/** Longer texts, and deeper ones, are as if they could not be read: an isolate has 128 MB for everything. */
const LENGTH_MAX = 4 * 1024 * 1024
const DEPTH_MAX = 2000

export interface RedactedJson {
  text: string
  /** What was replaced, as the JSON that stood there. */
  removed: string[]
}

/** Null for what is no JSON, or too large to be looked into. Never throws. */
export function redactJson(text: string, pointers: readonly Pointer[]): RedactedJson | null {
  const spans = text.length > LENGTH_MAX ? null : findSpans(text, pointers)
  if (spans === null || !isJson(text)) return null
  let kept_from = 0
  let shown = ''
  for (const { from, to } of spans) {
    shown += text.slice(kept_from, from) + REPLACEMENT
    kept_from = to
  }
  return { text: shown + text.slice(kept_from), removed: spans.map(({ from, to }) => text.slice(from, to)) }
}

interface Span {
  from: number
  to: number
}

/** An object or array that the walk is in. */
interface Frame {
  is_array: boolean
  /** Those that lead here, or further. */
  pointers: readonly Pointer[]
  /** Elements so far. */
  index: number
  /** The next string is the name of a member. */
  is_name_next: boolean
}

const WHITE_SPACE = /\s/
const LITERAL = /[^\s,:{}[\]"]+/y

/** Where the values lie to which pointers lead, in order and never within each other; null when it is nested too deeply. */
function findSpans(text: string, pointers: readonly Pointer[]): Span[] | null {
  const spans: Span[] = []
  const frames: Frame[] = []
  /** Those that lead to the value that comes next, or further. */
  let leading = pointers
  let open: { from: number; depth: number } | null = null

  const enter = (frame: Frame | undefined, name: string) => {
    const { length: depth } = frames
    leading = (frame?.pointers ?? []).filter((pointer) => pointer.length >= depth && leadsTo(pointer[depth - 1], name))
  }
  const begin = (from: number) => {
    const { length: depth } = frames
    if (open === null && leading.some(({ length }) => length === depth)) open = { from, depth }
  }
  const end = (to: number) => {
    if (open?.depth !== frames.length) return
    spans.push({ from: open.from, to })
    open = null
  }

  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? ''
    const frame = frames.at(-1)
    let next = at + 1
    if (character === '{' || character === '[') {
      if (frames.length === DEPTH_MAX) return null
      begin(at)
      const is_array = character === '['
      const entered = { is_array, pointers: leading, index: 0, is_name_next: !is_array }
      frames.push(entered)
      if (is_array) enter(entered, '0')
    } else if (character === '}' || character === ']') {
      frames.pop()
      end(next)
    } else if (character === ',') {
      if (frame?.is_array) enter(frame, String(++frame.index))
      else if (frame !== undefined) frame.is_name_next = true
    } else if (character === '"') {
      next = endOfString(text, at)
      if (frame?.is_name_next) {
        frame.is_name_next = false
        enter(frame, nameOf(text.slice(at, next)))
      } else {
        begin(at)
        end(next)
      }
    } else if (character !== ':' && !WHITE_SPACE.test(character)) {
      LITERAL.lastIndex = at
      next = at + (LITERAL.exec(text)?.[0].length ?? 1)
      begin(at)
      end(next)
    }
    at = next
  }
  return spans
}

/** Behind its closing quote. */
function endOfString(text: string, opening: number): number {
  for (let at = text.indexOf('"', opening + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return at + 1
  }
  return text.length
}

function nameOf(json: string): string {
  if (!json.includes('\\')) return json.slice(1, -1)
  try {
    return String(JSON.parse(json))
  } catch {
    return json
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
