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

/**
 * How far pointers lead at one place of a text. Where each name leads from here is found out once, and places that the same
 * pointers lead to are one: a payload may have a hundred thousand members, and each would ask a hundred pointers.
 */
class Step {
  /** Whether one of them ends here. */
  readonly is_end: boolean
  private readonly pointers: readonly Pointer[]
  private readonly depth: number
  private readonly names: ReadonlySet<string | undefined>
  private readonly known = new Map<string, Step>()
  private other: Step | null = null

  /** @param pointers those that lead here, or further */
  constructor(pointers: readonly Pointer[], depth: number) {
    this.pointers = pointers
    this.depth = depth
    this.is_end = pointers.some(({ length }) => length === depth)
    this.names = new Set(pointers.map((pointer) => pointer[depth]))
  }

  to(name: string): Step {
    if (this.pointers.length === 0) return this
    if (!this.names.has(name)) {
      // No pointer has it, so it leads where every other such name does.
      this.other ??= this.next(name)
      return this.other
    }
    const step = this.known.get(name) ?? this.next(name)
    this.known.set(name, step)
    return step
  }

  private next(name: string): Step {
    const { pointers, depth } = this
    const leading = pointers.filter((pointer) => pointer.length > depth && leadsTo(pointer[depth], name))
    return new Step(leading, depth + 1)
  }
}

/** An object or array that the walk is in. */
interface Frame {
  is_array: boolean
  /** Where the pointers stand here. */
  step: Step
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
  /** Where they stand at the value that comes next. */
  let leading = new Step(pointers, 0)
  let open: { from: number; depth: number } | null = null

  const enter = (frame: Frame | undefined, name: string) => {
    if (frame !== undefined) leading = frame.step.to(name)
  }
  const begin = (from: number) => {
    if (open === null && leading.is_end) open = { from, depth: frames.length }
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
      const entered = { is_array, step: leading, index: 0, is_name_next: !is_array }
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
