/** Keywords about a value itself ("A Vocabulary for Structural Validation"). */
import type { Keyword, KeywordPlace } from './compiler.ts'
import type { Run } from './run.ts'
import type { Check } from './schema.ts'
import { canonical, isMultipleOf, isOfType, lengthOf, TYPES, type TypeName } from './values.ts'

const free = () => {}

function type(value: unknown, at: KeywordPlace): Check {
  const types = (typeof value === 'string' ? [value] : at.strings(at.list(value))) as TypeName[]
  if (types.some((name) => !TYPES.includes(name))) at.refuse(`must be of ${TYPES.join(', ')}`)
  const message = `must be ${types.join(' or ')}`
  return (value, place, run) => types.some((name) => isOfType(value, name)) || run.fail(place, message)
}

function enumeration(value: unknown, at: KeywordPlace): Check {
  if (!Array.isArray(value)) at.refuse('must be an array')
  const allowed = new Set(value.map((item) => canonical(item, free)))
  return (value, place, run) =>
    allowed.has(canonicalIn(run, value)) || run.fail(place, 'must be one of the values of its enum')
}

function constant(value: unknown): Check {
  const expected = canonical(value, free)
  return (value, place, run) =>
    canonicalIn(run, value) === expected || run.fail(place, 'must be the value of its const')
}

function canonicalIn(run: Run, value: unknown): string {
  return canonical(value, (operations) => run.chargeOperations(operations))
}

function numeric(fits: (value: number, limit: number) => boolean, words: string): Keyword {
  return (limit_value, at) => {
    const limit = at.number(limit_value)
    return (value, place, run) =>
      typeof value !== 'number' || fits(value, limit) || run.fail(place, `must be ${words} ${limit}`)
  }
}

function multipleOf(value: unknown, at: KeywordPlace): Check {
  const divisor = at.number(value)
  if (divisor <= 0) at.refuse('must be greater than 0')
  return (value, place, run) => {
    if (typeof value !== 'number') return true
    // Numbers of some hundred digits, at worst.
    run.charge(8)
    return isMultipleOf(value, divisor) || run.fail(place, `must be a multiple of ${divisor}`)
  }
}

function lengthLimit(fits: (length: number, limit: number) => boolean, words: string): Keyword {
  return (value, at) => {
    const limit = at.count(value)
    return (value, place, run) => {
      if (typeof value !== 'string') return true
      run.chargeOperations(value.length)
      return fits(lengthOf(value), limit) || run.fail(place, `must have ${words} ${limit} characters`)
    }
  }
}

function sizeLimit(
  sizeOf: (value: unknown) => number | undefined,
  fits: (size: number, limit: number) => boolean,
  words: (limit: number) => string,
): Keyword {
  return (value, at) => {
    const limit = at.count(value)
    return (value, place, run) => {
      const size = sizeOf(value)
      if (size === undefined) return true
      run.chargeOperations(size)
      return fits(size, limit) || run.fail(place, `must have ${words(limit)}`)
    }
  }
}

function pattern(value: unknown, at: KeywordPlace): Check {
  if (typeof value !== 'string') at.refuse('must be a string')
  const program = at.pattern(value)
  const instructions = program.programSize()
  return (value, place, run) => {
    if (typeof value !== 'string') return true
    run.chargeOperations(value.length * instructions)
    return program.matcher(value).find() || run.fail(place, 'must match its pattern')
  }
}

function uniqueItems(value: unknown, at: KeywordPlace): Check | undefined {
  if (typeof value !== 'boolean') at.refuse('must be true or false')
  if (!value) return undefined
  return (value, place, run) => {
    if (!Array.isArray(value)) return true
    const known = new Set<string>()
    for (const item of value) known.add(canonicalIn(run, item))
    return known.size === value.length || run.fail(place, 'must have items that differ from each other')
  }
}

const atLeast = (size: number, limit: number) => size >= limit
const atMost = (size: number, limit: number) => size <= limit
const itemCount = (value: unknown) => (Array.isArray(value) ? value.length : undefined)
const memberCount = (value: unknown) =>
  isOfType(value, 'object') ? Object.keys(value as Record<string, unknown>).length : undefined

export const VALUE_KEYWORDS: [string, Keyword][] = [
  ['type', type],
  ['enum', enumeration],
  ['const', constant],
  ['multipleOf', multipleOf],
  ['maximum', numeric(atMost, 'at most')],
  ['exclusiveMaximum', numeric((value, limit) => value < limit, 'less than')],
  ['minimum', numeric(atLeast, 'at least')],
  ['exclusiveMinimum', numeric((value, limit) => value > limit, 'more than')],
  ['maxLength', lengthLimit(atMost, 'at most')],
  ['minLength', lengthLimit(atLeast, 'at least')],
  ['pattern', pattern],
  ['maxItems', sizeLimit(itemCount, atMost, (limit) => `at most ${limit} items`)],
  ['minItems', sizeLimit(itemCount, atLeast, (limit) => `at least ${limit} items`)],
  ['uniqueItems', uniqueItems],
  ['maxProperties', sizeLimit(memberCount, atMost, (limit) => `at most ${limit} members`)],
  ['minProperties', sizeLimit(memberCount, atLeast, (limit) => `at least ${limit} members`)],
]
