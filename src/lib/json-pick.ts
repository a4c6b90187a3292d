/**
 * One value out of JSON text, without making anything of the rest: a body of 25 MiB would be several times that as objects,
 * and an isolate has 128 MB for everybody.
 */
import { encodeUtf8 } from './utf8.ts'

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT, COLON, COMMA] = [
  0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d, 0x3a, 0x2c,
]

/** RFC 6901, section 4. */
const INDEX = /^(?:0|[1-9]\d*)$/

export type Scalar = string | number | boolean | null

/** What ends a number, `true`, `false` or `null`. */
const ENDS = new Set([COMMA, CLOSE_LIST, CLOSE_OBJECT, 0x20, 0x09, 0x0a, 0x0d])

/**
 * Reads the value at a path: names of members, numbers of items. Undefined when there is none, when it is an object or a
 * list, or when the text breaks off before it or cannot be JSON. Of a name that is twice in an object the first counts. Of
 * values on the way only the ends are looked for, and what comes behind the value is not looked at.
 * @param json UTF-8
 */
export function pickJson(json: Uint8Array, path: readonly (string | number)[]): Scalar | undefined {
  return follow(json, path)?.scalar()
}

/**
 * {@link pickJson}, where a text is wanted: a number comes as it is written, to the last digit (ids of 19 digits are more
 * than a number of JavaScript holds); anything else is undefined.
 */
export function pickText(json: Uint8Array, path: readonly (string | number)[]): string | undefined {
  return follow(json, path)?.text()
}

/** {@link pickText} by the segments of a JSON Pointer (RFC 6901), of which `0` is an item of a list, or a member's name. */
export function pickTextAt(json: Uint8Array, pointer: readonly string[]): string | undefined {
  const reader = new Reader(json)
  return pointer.every((segment) => reader.enter(segment)) ? reader.text() : undefined
}

function follow(json: Uint8Array, path: readonly (string | number)[]): Reader | undefined {
  const reader = new Reader(json)
  const is_there = path.every((step) => (typeof step === 'string' ? reader.enterMember(step) : reader.enterItem(step)))
  return is_there ? reader : undefined
}

/** A step of a path into every item of a list. */
export const EACH = Symbol('each item')

/**
 * {@link pickJson} for lists: the values at all places that the path stands for, in their order, and undefined for each
 * place where there is none. Reads the text once for each list on the path, however many items there are.
 * @returns undefined when there are more than `max`, or when the text breaks off or is no JSON before the lists end
 */
export function pickAll(
  json: Uint8Array,
  path: readonly (string | number | typeof EACH)[],
  max: number,
): (Scalar | undefined)[] | undefined {
  const values: (Scalar | undefined)[] = []
  return gather(new Reader(json), path, values, max) ? values : undefined
}

function gather(
  reader: Reader,
  [step, ...rest]: readonly (string | number | typeof EACH)[],
  values: (Scalar | undefined)[],
  max: number,
): boolean {
  if (step === EACH && reader.isList()) return reader.visitItems(() => gather(reader, rest, values, max))
  const is_there =
    step === undefined ||
    (step !== EACH && (typeof step === 'string' ? reader.enterMember(step) : reader.enterItem(step)))
  if (is_there && step !== undefined) return gather(reader, rest, values, max)
  if (values.length === max) return false
  values.push(is_there ? reader.scalar() : undefined)
  return true
}

/** The names of the first members of the object that the text is, `max` at most. None when it is something else. */
export function pickNames(json: Uint8Array, max: number): string[] {
  return new Reader(json).memberNames(max)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @param literal neither an object nor a list */
function parseScalar(literal: Uint8Array): Scalar | undefined {
  try {
    return JSON.parse(utf8.decode(literal)) as Scalar
  } catch {
    return undefined
  }
}

/** Stands before a value, and moves from there. */
class Reader {
  private readonly json: Uint8Array
  private at = 0

  constructor(json: Uint8Array) {
    this.json = json
    this.skipSpace()
  }

  /** Moves before the value of a member of the object here. */
  enterMember(name: string): boolean {
    if (!this.take(OPEN_OBJECT)) return false
    const plain = encodeUtf8(name)
    if (this.take(CLOSE_OBJECT)) return false
    for (;;) {
      const from = this.at
      if (!this.skipString()) return false
      const is_named = this.isName(from + 1, this.at - 1, plain, name)
      this.skipSpace()
      if (!this.take(COLON)) return false
      if (is_named) return true
      if (!this.skipValue() || !this.take(COMMA)) return false
    }
  }

  /** Whether the text between two quotes is a name. Most are as they are written: to parse a million of them takes a second. */
  private isName(from: number, to: number, plain: Uint8Array, name: string): boolean {
    let is_same = to - from === plain.length
    for (let at = from; at < to; at++) {
      const byte = this.json[at]
      if (byte === BACKSLASH) return parseScalar(this.json.subarray(from - 1, to + 1)) === name
      if (is_same && byte !== plain[at - from]) is_same = false
    }
    return is_same
  }

  /** Moves before an item of the list here. */
  enterItem(index: number): boolean {
    if (!Number.isInteger(index) || index < 0 || !this.take(OPEN_LIST)) return false
    if (this.json[this.at] === CLOSE_LIST) return false
    for (let i = 0; i < index; i++) if (!this.skipValue() || !this.take(COMMA)) return false
    return true
  }

  isList(): boolean {
    return this.json[this.at] === OPEN_LIST
  }

  /** Stops before each item of the list here, wherever the visit ends. False when a visit says so, or the list does not end. */
  visitItems(visit: () => boolean): boolean {
    if (!this.take(OPEN_LIST)) return false
    if (this.take(CLOSE_LIST)) return true
    for (;;) {
      const from = this.at
      if (!visit()) return false
      this.at = from
      if (!this.skipValue()) return false
      if (this.take(CLOSE_LIST)) return true
      if (!this.take(COMMA)) return false
    }
  }

  memberNames(max: number): string[] {
    const names: string[] = []
    if (!this.take(OPEN_OBJECT)) return names
    while (names.length < max) {
      const from = this.at
      if (!this.skipString()) return names
      const name = parseScalar(this.json.subarray(from, this.at))
      this.skipSpace()
      if (typeof name !== 'string' || !this.take(COLON)) return names
      names.push(name)
      if (!this.skipValue() || !this.take(COMMA)) return names
    }
    return names
  }

  /** Moves before a value of whatever is here. */
  enter(segment: string): boolean {
    if (this.json[this.at] !== OPEN_LIST) return this.enterMember(segment)
    return INDEX.test(segment) && this.enterItem(Number(segment))
  }

  scalar(): Scalar | undefined {
    const first = this.json[this.at]
    if (first === undefined || first === OPEN_OBJECT || first === OPEN_LIST) return undefined
    const from = this.at
    if (!this.skipValue(false)) return undefined
    return parseScalar(this.json.subarray(from, this.at))
  }

  text(): string | undefined {
    const from = this.at
    const value = this.scalar()
    if (typeof value === 'number') return utf8.decode(this.json.subarray(from, this.at))
    return typeof value === 'string' && value !== '' ? value : undefined
  }

  /** Moves behind a character and the space after it. */
  private take(character: number): boolean {
    if (this.json[this.at] !== character) return false
    this.at++
    this.skipSpace()
    return true
  }

  private skipSpace(): void {
    for (;;) {
      const byte = this.json[this.at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
      this.at++
    }
  }

  private skipString(): boolean {
    if (this.json[this.at] !== QUOTE) return false
    for (let end = this.json.indexOf(QUOTE, this.at + 1); end !== -1; end = this.json.indexOf(QUOTE, end + 1)) {
      let first = end
      while (this.json[first - 1] === BACKSLASH) first--
      // Each pair of backslashes is one of the text; one that is left over escapes the quote.
      if ((end - first) % 2 !== 0) continue
      this.at = end + 1
      return true
    }
    return false
  }

  /** Moves behind the value here, without recursion however deep it is. */
  private skipValue(with_space = true): boolean {
    let depth = 0
    do {
      const byte = this.json[this.at]
      if (byte === undefined) return false
      if (byte === QUOTE) {
        if (!this.skipString()) return false
      } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        depth++
        this.at++
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        if (depth === 0) return false
        depth--
        this.at++
      } else if (depth === 0) {
        const from = this.at
        while (this.at < this.json.length && !ENDS.has(this.json[this.at] ?? COMMA)) this.at++
        if (this.at === from) return false
      } else {
        this.at++
      }
    } while (depth > 0)
    if (with_space) this.skipSpace()
    return true
  }
}
