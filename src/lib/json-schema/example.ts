/**
 * A value that fits a schema, for test messages. A guess that is proven: whatever is made is validated,
 * and what does not fit is not given to anybody.
 */
import { exampleText } from './example-text.ts'
import type { Schema } from './schema.ts'
import { validate } from './validate.ts'
import { isObject, type JsonObject } from './values.ts'

/** Values of one example. */
const VALUES_MAX = 500
/** From here on only what is required; deeper than `NESTING_MAX` nothing. */
const OPTIONAL_NESTING_MAX = 4
const NESTING_MAX = 24
/** Items that are made where a schema demands many. */
const ITEMS_MAX = 100

class CannotMake extends Error {}

/** @returns undefined where no value is found that fits */
export function makeExample(schema: Schema, document: unknown): { value: unknown } | undefined {
  for (const optional_nesting of [OPTIONAL_NESTING_MAX, 0]) {
    try {
      const value = new Maker(document, optional_nesting).make(document, 0)
      if (validate(schema, value).length === 0) return { value }
    } catch (error) {
      if (!(error instanceof CannotMake)) throw error
    }
  }
  return undefined
}

class Maker {
  private readonly document: unknown
  private readonly optional_nesting: number
  private values = 0

  constructor(document: unknown, optional_nesting: number) {
    this.document = document
    this.optional_nesting = optional_nesting
  }

  make(schema: unknown, nesting: number): unknown {
    if (++this.values > VALUES_MAX || nesting > NESTING_MAX || schema === false) throw new CannotMake()
    if (!isObject(schema)) return {}
    const all = this.flatten(schema, 0)
    const { examples, enum: values } = all
    if (Array.isArray(examples) && examples.length > 0) return examples[0]
    for (const name of ['default', 'const']) if (Object.hasOwn(all, name)) return all[name]
    if (Array.isArray(values) && values.length > 0) return values[0]
    switch (typeOf(all)) {
      case 'object':
        return this.object(all, nesting)
      case 'array':
        return this.array(all, nesting)
      case 'string':
        return exampleText(all)
      case 'integer':
        return exampleNumber(all, 1)
      case 'number':
        return exampleNumber(all, 0)
      case 'boolean':
        return true
      default:
        return null
    }
  }

  /** A schema together with those that apply to the same value; of alternatives, the first. */
  private flatten(schema: JsonObject, nesting: number): JsonObject {
    if (++this.values > VALUES_MAX || nesting > NESTING_MAX) throw new CannotMake()
    const parts: unknown[] = []
    for (const name of ['$ref', '$dynamicRef']) {
      if (typeof schema[name] === 'string') parts.push(this.find(schema[name]))
    }
    if (Array.isArray(schema.allOf)) parts.push(...schema.allOf)
    for (const name of ['anyOf', 'oneOf']) if (Array.isArray(schema[name])) parts.push(schema[name][0])
    return parts
      .filter(isObject)
      .map((part) => this.flatten(part, nesting + 1))
      .reduce(combine, schema)
  }

  private find(ref: string): unknown {
    // Anchors are rare; who uses them can give an example of their own.
    if (ref !== '#' && !ref.startsWith('#/')) throw new CannotMake()
    const steps = decodeURIComponent(ref).split('/').slice(1)
    return steps.reduce<unknown>(
      (value, step) => (value as JsonObject)[step.replaceAll('~1', '/').replaceAll('~0', '~')],
      this.document,
    )
  }

  private object(schema: JsonObject, nesting: number): JsonObject {
    const properties = isObject(schema.properties) ? schema.properties : {}
    const required = Array.isArray(schema.required) ? (schema.required as string[]) : []
    const wanted = nesting < this.optional_nesting ? Object.keys(properties) : []
    const rest = Object.hasOwn(schema, 'additionalProperties') ? schema.additionalProperties : true
    const members = [...new Set([...required, ...wanted])].flatMap((name) => {
      const own = Object.hasOwn(properties, name) ? properties[name] : rest
      return own === false ? [] : [[name, this.make(own, nesting + 1)] as const]
    })
    return Object.fromEntries(members)
  }

  private array(schema: JsonObject, nesting: number): unknown[] {
    const prefix = Array.isArray(schema.prefixItems) ? schema.prefixItems : []
    const rest = schema.items ?? schema.contains
    const is_filled = isObject(rest) && nesting < this.optional_nesting
    const least = Math.max(Number(schema.minItems ?? 0), Number(schema.minContains ?? 0), schema.contains ? 1 : 0)
    const count = Math.max(prefix.length, least, is_filled && schema.maxItems !== 0 ? 1 : 0)
    if (count > ITEMS_MAX) throw new CannotMake()
    return Array.from({ length: count }, (_, i) => this.make(prefix[i] ?? rest ?? true, nesting + 1))
  }
}

/** Of two schemas for one value, what both say; where they differ, the first. */
function combine(first: JsonObject, second: JsonObject): JsonObject {
  const of = (name: string) => [first[name], second[name]] as const
  const [properties, more_properties] = of('properties')
  const [required, more_required] = of('required')
  return {
    ...second,
    ...first,
    ...(isObject(properties) && isObject(more_properties) && { properties: { ...more_properties, ...properties } }),
    ...(Array.isArray(required) && Array.isArray(more_required) && { required: [...required, ...more_required] }),
  }
}

const SIGNS: [string, string[]][] = [
  ['object', ['properties', 'required', 'additionalProperties', 'patternProperties', 'minProperties']],
  ['array', ['items', 'prefixItems', 'minItems', 'maxItems', 'contains', 'uniqueItems']],
  ['string', ['pattern', 'minLength', 'maxLength', 'format']],
  ['number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
]

function typeOf(schema: JsonObject): unknown {
  const { type } = schema
  if (type !== undefined) return Array.isArray(type) ? type[0] : type
  return SIGNS.find(([, keywords]) => keywords.some((keyword) => Object.hasOwn(schema, keyword)))?.[0] ?? 'object'
}

/** @param step 1 for whole numbers */
function exampleNumber(schema: JsonObject, step: number): number {
  const limit = (name: string) => (typeof schema[name] === 'number' ? schema[name] : undefined)
  const unit = limit('multipleOf') ?? step
  const above = limit('exclusiveMinimum')
  const below = limit('exclusiveMaximum')
  const least = limit('minimum') ?? above
  const most = limit('maximum') ?? below
  if (unit > 0) {
    const from = least ?? Math.min(0, most ?? 0)
    const first = Math.ceil(from / unit) * unit
    return first === above ? first + unit : first
  }
  if (least !== undefined && most !== undefined) return (least + most) / 2
  if (above !== undefined) return above + 1
  if (below !== undefined) return below - 1
  return least ?? most ?? 1
}
