/** Keywords about the members of an object and the items of an array. */
import type { RE2JS } from 're2js'
import type { Keyword, KeywordPlace } from './compiler.ts'
import type { Run } from './run.ts'
import { type Check, evaluate, fitsQuietly, type Schema } from './schema.ts'
import { isObject, type JsonObject } from './values.ts'

function matches(program: RE2JS, text: string, run: Run): boolean {
  run.chargeOperations(text.length * program.programSize())
  return program.matcher(text).find()
}

interface Members {
  named: Map<string, Schema>
  patterns: [RE2JS, Schema][]
  /** For all others. */
  rest: Schema | undefined
}

function checkMembers({ named, patterns, rest }: Members): Check {
  return (value, place, run, seen) => {
    if (!isObject(value)) return true
    let fits = true
    for (const name of Object.keys(value)) {
      run.charge(1)
      const schemas = patterns.filter(([program]) => matches(program, name, run)).map(([, schema]) => schema)
      const own = named.get(name)
      if (own !== undefined) schemas.push(own)
      if (schemas.length === 0 && rest !== undefined) schemas.push(rest)
      for (const schema of schemas) {
        if (!evaluate(schema, value[name], { parent: place, key: name }, run, null)) fits = false
      }
      if (schemas.length > 0) seen?.names.add(name)
      if (!fits && !run.wantsMore) return false
    }
    return fits
  }
}

/** The three keywords about members are one check, made where the first of them stands. */
function membersFrom(first: string): Keyword {
  return (_value, at) => {
    const order = ['properties', 'patternProperties', 'additionalProperties']
    if (order.find((name) => Object.hasOwn(at.siblings, name)) !== first) return undefined
    return checkMembers({
      named: new Map(Object.keys(ofSiblings(at, 'properties')).map((name) => [name, at.part('properties', name)])),
      patterns: Object.keys(ofSiblings(at, 'patternProperties')).map((source) => [
        at.patternOf('patternProperties', source),
        at.part('patternProperties', source),
      ]),
      rest: at.sibling('additionalProperties'),
    })
  }
}

function ofSiblings(at: KeywordPlace, name: string): JsonObject {
  const value = Object.hasOwn(at.siblings, name) ? at.siblings[name] : {}
  if (!isObject(value)) at.refuseSibling(name, 'must be an object')
  return value
}

function itemsFrom(first: string): Keyword {
  return (_value, at) => {
    if (['prefixItems', 'items'].find((name) => Object.hasOwn(at.siblings, name)) !== first) return undefined
    const listed = Object.hasOwn(at.siblings, 'prefixItems') ? at.list(at.siblings.prefixItems) : []
    const prefix = listed.map((_, i) => at.part('prefixItems', String(i)))
    const rest = at.sibling('items')
    return (value, place, run, seen) => {
      if (!Array.isArray(value)) return true
      const end = rest === undefined ? Math.min(prefix.length, value.length) : value.length
      let fits = true
      for (let i = 0; i < end; i++) {
        const schema = prefix[i] ?? rest
        if (schema !== undefined && !evaluate(schema, value[i], { parent: place, key: i }, run, null)) fits = false
        if (!fits && !run.wantsMore) return false
      }
      if (seen !== null) seen.items_before = Math.max(seen.items_before, end)
      return fits
    }
  }
}

function contains(value: unknown, at: KeywordPlace): Check {
  const schema = at.child(value)
  const least = Object.hasOwn(at.siblings, 'minContains') ? at.count(at.siblings.minContains) : 1
  const most = Object.hasOwn(at.siblings, 'maxContains') ? at.count(at.siblings.maxContains) : Infinity
  return (value, place, run, seen) => {
    if (!Array.isArray(value)) return true
    let count = 0
    for (const [i, item] of value.entries()) {
      if (!fitsQuietly(schema, item, { parent: place, key: i }, run, null)) continue
      count++
      seen?.items.add(i)
    }
    if (count < least) return run.fail(place, `must contain ${least} of the items that it has to contain`)
    return count <= most || run.fail(place, `must contain at most ${most} of the items that it has to contain`)
  }
}

function propertyNames(value: unknown, at: KeywordPlace): Check {
  const schema = at.child(value)
  return (value, place, run) => {
    if (!isObject(value)) return true
    const wrong = Object.keys(value).find((name) => !fitsQuietly(schema, name, place, run, null))
    return wrong === undefined || run.fail({ parent: place, key: wrong }, 'must not have this name')
  }
}

function required(value: unknown, at: KeywordPlace): Check {
  const names = at.strings(value)
  return (value, place, run) => !isObject(value) || hasAll(value, names, (name) => run.fail(place, missing(name)), run)
}

function dependentRequired(value: unknown, at: KeywordPlace): Check {
  const rules = at.entries(value).map(([name, needed]) => [name, at.strings(needed, name)] as const)
  return (value, place, run) => {
    if (!isObject(value)) return true
    const failures = rules.filter(
      ([name, needed]) =>
        Object.hasOwn(value, name) &&
        !hasAll(value, needed, (absent) => run.fail(place, `${missing(absent)} beside ${name}`), run),
    )
    return failures.length === 0
  }
}

function hasAll(value: JsonObject, names: readonly string[], fail: (name: string) => void, run: Run): boolean {
  run.charge(names.length)
  const absent = names.filter((name) => !Object.hasOwn(value, name))
  for (const name of absent) fail(name)
  return absent.length === 0
}

function missing(name: string): string {
  return `must have the member ${name}`
}

function unevaluatedProperties(value: unknown, at: KeywordPlace): Check {
  const schema = at.child(value)
  return (value, place, run, seen) => {
    if (!isObject(value)) return true
    const names = Object.keys(value)
    run.charge(names.length)
    let fits = true
    for (const name of names) {
      if (seen?.names.has(name)) continue
      if (!evaluate(schema, value[name], { parent: place, key: name }, run, null)) fits = false
      seen?.names.add(name)
    }
    return fits
  }
}

function unevaluatedItems(value: unknown, at: KeywordPlace): Check {
  const schema = at.child(value)
  return (value, place, run, seen) => {
    if (!Array.isArray(value)) return true
    run.charge(value.length)
    let fits = true
    for (let i = seen?.items_before ?? 0; i < value.length; i++) {
      if (seen?.items.has(i)) continue
      if (!evaluate(schema, value[i], { parent: place, key: i }, run, null)) fits = false
    }
    if (seen !== null) seen.items_before = value.length
    return fits
  }
}

const onlyCounted: Keyword = (value, at) => {
  at.count(value)
  return undefined
}

export const PART_KEYWORDS: [string, Keyword][] = [
  ['required', required],
  ['dependentRequired', dependentRequired],
  ['properties', membersFrom('properties')],
  ['patternProperties', membersFrom('patternProperties')],
  ['additionalProperties', membersFrom('additionalProperties')],
  ['propertyNames', propertyNames],
  ['prefixItems', itemsFrom('prefixItems')],
  ['items', itemsFrom('items')],
  ['contains', contains],
  ['minContains', onlyCounted],
  ['maxContains', onlyCounted],
  ['unevaluatedProperties', unevaluatedProperties],
  ['unevaluatedItems', unevaluatedItems],
]
