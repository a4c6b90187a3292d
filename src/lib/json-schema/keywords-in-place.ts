/** Keywords that apply other schemas to the same value, and those that name or describe schemas. */
import type { Keyword, KeywordPlace } from './compiler.ts'
import { type Check, evaluate, fitsQuietly, type Schema } from './schema.ts'
import { isObject } from './values.ts'

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'
const ANCHOR = /^[A-Za-z_][-A-Za-z0-9._]*$/

function ref(value: unknown, at: KeywordPlace): Check {
  if (typeof value !== 'string') at.refuse('must be a string')
  const link = at.refer(value)
  return (value, place, run, seen) => evaluate(link.to, value, place, run, seen)
}

function anchor(value: unknown, at: KeywordPlace): undefined {
  if (typeof value !== 'string' || !ANCHOR.test(value)) at.refuse('must be a plain name')
  at.anchor(value)
}

function allOf(value: unknown, at: KeywordPlace): Check {
  const schemas = listed(value, at)
  return (value, place, run, seen) => {
    let fits = true
    for (const schema of schemas) {
      if (!evaluate(schema, value, place, run, seen)) fits = false
      if (!fits && !run.wantsMore) break
    }
    return fits
  }
}

function anyOf(value: unknown, at: KeywordPlace): Check {
  const schemas = listed(value, at)
  return (value, place, run, seen) => {
    let fits = false
    for (const schema of schemas) {
      if (fitsQuietly(schema, value, place, run, seen)) fits = true
      // What the others would see matters only to somebody who asks.
      if (fits && seen === null) break
    }
    return fits || run.fail(place, 'must fit one of the schemas of its anyOf at least')
  }
}

function oneOf(value: unknown, at: KeywordPlace): Check {
  const schemas = listed(value, at)
  return (value, place, run, seen) => {
    let count = 0
    for (const schema of schemas) {
      if (fitsQuietly(schema, value, place, run, seen)) count++
      if (count > 1) break
    }
    return count === 1 || run.fail(place, `must fit exactly one of the schemas of its oneOf, not ${count || 'none'}`)
  }
}

function not(value: unknown, at: KeywordPlace): Check {
  const schema = at.inPlace(value)
  return (value, place, run) =>
    !fitsQuietly(schema, value, place, run, null) || run.fail(place, 'must not fit the schema of its not')
}

function condition(value: unknown, at: KeywordPlace): Check {
  const schema = at.inPlace(value)
  const consequence = at.siblingInPlace('then')
  const alternative = at.siblingInPlace('else')
  return (value, place, run, seen) => {
    const next = fitsQuietly(schema, value, place, run, seen) ? consequence : alternative
    return next === undefined || evaluate(next, value, place, run, seen)
  }
}

function dependentSchemas(value: unknown, at: KeywordPlace): Check {
  const schemas = at.entries(value).map(([name, schema]) => [name, at.inPlace(schema, name)] as const)
  return (value, place, run, seen) => {
    if (!isObject(value)) return true
    run.charge(schemas.length)
    const failures = schemas.filter(
      ([name, schema]) => Object.hasOwn(value, name) && !evaluate(schema, value, place, run, seen),
    )
    return failures.length === 0
  }
}

function listed(value: unknown, at: KeywordPlace): Schema[] {
  return at.list(value).map((item, i) => at.inPlace(item, String(i)))
}

const definitions: Keyword = (value, at) => {
  for (const [name, schema] of at.entries(value)) at.child(schema, name)
  return undefined
}

/** Applies only beside another keyword, but has to be a schema anyway. */
const schemaOnly: Keyword = (value, at) => {
  at.child(value)
  return undefined
}

const dialect: Keyword = (value, at) => {
  if (typeof value !== 'string' || value.replace(/#$/, '') !== DIALECT) at.refuse(`must be ${DIALECT}`)
  return undefined
}

/** A schema within another that has an address of its own would change what all references mean. */
const identity: Keyword = (value, at) => {
  if (typeof value !== 'string') at.refuse('must be a string')
  if (!at.is_root) at.refuse('may only stand at the root')
  return undefined
}

function described(is: (value: unknown) => boolean, message: string): Keyword {
  return (value, at) => (is(value) ? undefined : at.refuse(message))
}

const text = described((value) => typeof value === 'string', 'must be a string')
const flag = described((value) => typeof value === 'boolean', 'must be true or false')

export const IN_PLACE_KEYWORDS: [string, Keyword][] = [
  ['$schema', dialect],
  ['$id', identity],
  ['$anchor', anchor],
  ['$dynamicAnchor', anchor],
  ['$comment', text],
  ['$defs', definitions],
  // What the drafts before had; references to them are common.
  ['definitions', definitions],
  ['$ref', ref],
  // One document is one resource, and within one a dynamic reference is like any other.
  ['$dynamicRef', ref],
  ['allOf', allOf],
  ['anyOf', anyOf],
  ['oneOf', oneOf],
  ['not', not],
  ['if', condition],
  ['then', schemaOnly],
  ['else', schemaOnly],
  ['dependentSchemas', dependentSchemas],
  ['contentSchema', schemaOnly],
  ['contentEncoding', text],
  ['contentMediaType', text],
  ['format', text],
  ['title', text],
  ['description', text],
  ['deprecated', flag],
  ['readOnly', flag],
  ['writeOnly', flag],
  ['examples', described(Array.isArray, 'must be an array')],
]
