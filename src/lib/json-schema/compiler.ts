import type { RE2JS } from 're2js'
import { compileLinear } from '../linear-regex.ts'
import { escapeKey, type SchemaError } from './run.ts'
import type { Check, Link, Schema } from './schema.ts'
import { isObject, type JsonObject } from './values.ts'

/** What a keyword can say of itself. */
export type Keyword = (value: unknown, at: KeywordPlace) => Check | undefined

const SUBSCHEMAS_MAX = 1000
const NESTING_MAX = 40
const PATTERNS_MAX = 100
/** Of all regular expressions together. Compiling a thousand takes up to 5 ms, and some 230 KB while they are kept. */
const INSTRUCTIONS_MAX = 4000
const PATTERN_LENGTH_MAX = 500

/** A document that is not a schema, or not one that can be used. */
export class NotASchema extends Error {
  readonly error: SchemaError

  constructor(path: string, message: string) {
    super(message)
    this.error = { path, message }
  }
}

/** Turns a document into schemas, each once, and finds what they refer to. */
export class Compiler {
  private readonly document: unknown
  private readonly keywords: ReadonlyMap<string, Keyword>
  private readonly schemas = new Map<string, Schema>()
  private readonly anchors = new Map<string, Schema>()
  private readonly pending: { link: Link; ref: string; pointer: string }[] = []
  private patterns = 0
  /** Of its regular expressions. */
  instructions = 0

  constructor(document: unknown, keywords: ReadonlyMap<string, Keyword>) {
    this.document = document
    this.keywords = keywords
  }

  /** @throws NotASchema */
  compile(): Schema {
    const root = this.schemaAt('', this.document)
    // A target may be where no keyword has led, and bring references of its own.
    for (let next = this.pending.pop(); next !== undefined; next = this.pending.pop()) {
      next.link.to = this.find(next.ref, next.pointer)
    }
    this.refuseCycles()
    return root
  }

  schemaAt(pointer: string, value: unknown): Schema {
    const known = this.schemas.get(pointer)
    if (known !== undefined) return known
    if (!isObject(value) && typeof value !== 'boolean') throw new NotASchema(pointer, 'must be a schema')
    if (this.schemas.size >= SUBSCHEMAS_MAX)
      throw new NotASchema(pointer, `a schema may have ${SUBSCHEMAS_MAX} subschemas`)
    if (pointer.split('/').length > NESTING_MAX * 2) throw new NotASchema('', 'the schema is nested too deeply')
    const schema: Schema = { pointer, is_never: value === false, checks: [], last: [], in_place: [] }
    this.schemas.set(pointer, schema)
    if (isObject(value)) this.compileKeywords(schema, value)
    return schema
  }

  private compileKeywords(schema: Schema, siblings: JsonObject): void {
    for (const [name, keyword] of this.keywords) {
      if (!Object.hasOwn(siblings, name)) continue
      const check = keyword(siblings[name], new KeywordPlace(this, schema, siblings, name))
      if (check !== undefined) (name.startsWith('unevaluated') ? schema.last : schema.checks).push(check)
    }
  }

  refer(pointer: string, ref: string, from: Schema): Link {
    const link: Link = { to: from }
    this.pending.push({ link, ref, pointer })
    from.in_place.push(link)
    return link
  }

  addAnchor(name: string, pointer: string, schema: Schema): void {
    if (this.anchors.has(name)) throw new NotASchema(pointer, 'is an anchor already')
    this.anchors.set(name, schema)
  }

  pattern(pointer: string, source: string): RE2JS {
    if (++this.patterns > PATTERNS_MAX)
      throw new NotASchema(pointer, `a schema may have ${PATTERNS_MAX} regular expressions`)
    if (source.length > PATTERN_LENGTH_MAX)
      throw new NotASchema(pointer, `a regular expression may have ${PATTERN_LENGTH_MAX} characters`)
    let regex: RegExp
    try {
      regex = new RegExp(source, 'u')
    } catch (error) {
      throw new NotASchema(pointer, (error as Error).message)
    }
    const program = compileLinear(regex)
    if (!program.ok) throw new NotASchema(pointer, program.error)
    this.instructions += program.value.programSize()
    if (this.instructions > INSTRUCTIONS_MAX)
      throw new NotASchema(pointer, 'the regular expressions of the schema are too large together')
    return program.value
  }

  private find(ref: string, pointer: string): Schema {
    if (!ref.startsWith('#')) throw new NotASchema(pointer, 'must begin with #: no other document is read')
    const fragment = decode(ref.slice(1))
    if (fragment === null) throw new NotASchema(pointer, 'is not a URI reference')
    if (fragment !== '' && !fragment.startsWith('/')) {
      const anchored = this.anchors.get(fragment)
      if (anchored === undefined) throw new NotASchema(pointer, 'there is no such anchor')
      return anchored
    }
    let value = this.document
    let target = ''
    for (const step of fragment.split('/').slice(1)) {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key))
        throw new NotASchema(pointer, 'there is no schema where it leads')
      value = (value as JsonObject)[key]
      target += escapeKey(key)
    }
    if (!isObject(value) && typeof value !== 'boolean')
      throw new NotASchema(pointer, 'there is no schema where it leads')
    return this.schemaAt(target, value)
  }

  /** A schema that is applied to the same value again and again would never come to an end. */
  private refuseCycles(): void {
    const done = new Set<Schema>()
    const open = new Set<Schema>()
    const visit = (schema: Schema): void => {
      if (open.has(schema)) throw new NotASchema(schema.pointer, 'refers to itself without end')
      if (done.has(schema)) return
      open.add(schema)
      for (const { to } of schema.in_place) visit(to)
      open.delete(schema)
      done.add(schema)
    }
    for (const schema of this.schemas.values()) visit(schema)
  }
}

function decode(fragment: string): string | null {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return null
  }
}

/** Where a keyword stands, and what it may ask for. */
export class KeywordPlace {
  readonly siblings: JsonObject
  private readonly compiler: Compiler
  private readonly schema: Schema
  private readonly pointer: string

  constructor(compiler: Compiler, schema: Schema, siblings: JsonObject, name: string) {
    this.compiler = compiler
    this.schema = schema
    this.siblings = siblings
    this.pointer = schema.pointer + escapeKey(name)
  }

  get is_root(): boolean {
    return this.schema.pointer === ''
  }

  /** @throws NotASchema */
  refuse(message: string, ...keys: string[]): never {
    throw new NotASchema(this.pointer + keys.map(escapeKey).join(''), message)
  }

  /** A subschema for a part of the value. */
  child(value: unknown, ...keys: string[]): Schema {
    return this.compiler.schemaAt(this.pointer + keys.map(escapeKey).join(''), value)
  }

  /** A subschema for the same value. */
  inPlace(value: unknown, ...keys: string[]): Schema {
    const to = this.child(value, ...keys)
    this.schema.in_place.push({ to })
    return to
  }

  /** A sibling that belongs to this keyword; undefined when it is not there. */
  sibling(name: string): Schema | undefined {
    if (!Object.hasOwn(this.siblings, name)) return undefined
    return this.compiler.schemaAt(this.schema.pointer + escapeKey(name), this.siblings[name])
  }

  /** A subschema among those of a sibling. */
  part(name: string, key: string): Schema {
    const value = (this.siblings[name] as JsonObject)[key]
    return this.compiler.schemaAt(this.schema.pointer + escapeKey(name) + escapeKey(key), value)
  }

  /** A member's name that is a regular expression. */
  patternOf(name: string, source: string): RE2JS {
    return this.compiler.pattern(this.schema.pointer + escapeKey(name) + escapeKey(source), source)
  }

  /** @throws NotASchema */
  refuseSibling(name: string, message: string): never {
    throw new NotASchema(this.schema.pointer + escapeKey(name), message)
  }

  siblingInPlace(name: string): Schema | undefined {
    const to = this.sibling(name)
    if (to !== undefined) this.schema.in_place.push({ to })
    return to
  }

  refer(ref: string): Link {
    return this.compiler.refer(this.pointer, ref, this.schema)
  }

  anchor(name: string): void {
    this.compiler.addAnchor(name, this.pointer, this.schema)
  }

  pattern(source: string): RE2JS {
    return this.compiler.pattern(this.pointer, source)
  }

  /** The entries of an object whose values are schemas. */
  entries(value: unknown): [string, unknown][] {
    if (!isObject(value)) this.refuse('must be an object')
    return Object.entries(value)
  }

  /** The items of an array that is not empty. */
  list(value: unknown): unknown[] {
    if (!Array.isArray(value) || value.length === 0) this.refuse('must be an array that is not empty')
    return value
  }

  strings(value: unknown, ...keys: string[]): string[] {
    const is_list = Array.isArray(value) && value.every((item) => typeof item === 'string')
    if (!is_list || new Set(value).size < value.length) this.refuse('must be an array of different strings', ...keys)
    return value as string[]
  }

  count(value: unknown): number {
    if (!Number.isInteger(value) || (value as number) < 0) this.refuse('must be a whole number, 0 or more')
    return value as number
  }

  number(value: unknown): number {
    if (typeof value !== 'number') this.refuse('must be a number')
    return value
  }
}
