/**
 * What one evaluation of an expression may use up. A clock cannot bound it, because workerd's
 * stands still between I/O; so work is counted instead: every step of JSONata's evaluator, the
 * size of every value it makes, and the functions whose time or result grows faster than that.
 */
import { createLinearRegex } from './linear-regex.ts'

/** A step takes about a microsecond, so this is a fraction of a second. */
const STEPS_MAX = 100_000
/** Simple operations (copying an item, comparing a character) that take as long as a step. */
const OPERATIONS_A_STEP = 1000
/** Items or characters of a new value that count as a step: they take memory, which is scarcer than time. */
const ITEMS_A_STEP = 64
/** As JSON; also how much of a message an expression can look at. */
const VALUE_LENGTH_MAX = 4 * 1024 * 1024
const TEXT_LENGTH_MAX = 1024 * 1024
const PICTURE_LENGTH_MAX = 256
const NESTING_MAX = 100

export type LimitReason = 'too_many_steps' | 'too_deep' | 'too_large'

export class LimitReached extends Error {
  readonly reason: LimitReason

  constructor(reason: LimitReason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** JSONata's environment; `base` is the same object all through one evaluation. */
export interface Scope {
  base: object & { RegexEngine?: unknown }
  lookup(name: string): unknown
}

/** JSONata's record of a built-in function. */
interface Builtin {
  _jsonata_function: true
  implementation: (this: { environment: Scope }, ...args: unknown[]) => unknown
}

const spent = new WeakMap<object, number>()

/** What several evaluations may take together, beside what each may take. */
export class SharedSteps {
  private readonly steps_max: number
  private left: number

  constructor(steps_max: number) {
    this.steps_max = steps_max
    this.left = steps_max
  }

  /** @throws LimitReached */
  take(steps: number): void {
    this.left -= steps
    if (this.left < 0) throw new LimitReached('too_many_steps', `together they take more than ${this.steps_max} steps`)
  }
}

/** A variable that an evaluation's shared steps are bound to. No source can name it, because of its space. */
export const SHARED = 'shared steps'

const shared = new WeakMap<object, SharedSteps>()

/** Called before every step. */
export function chargeStep(scope: Scope, steps: number): void {
  const { base } = scope
  const total = spent.get(base)
  // JSONata makes a regular expression with `new base.RegexEngine(regex)`, which finds the budget here.
  if (total === undefined) {
    const of_all = scope.lookup(SHARED)
    if (of_all instanceof SharedSteps) shared.set(base, of_all)
    base.RegexEngine = function LinearEngine(regex: RegExp) {
      return createLinearRegex(regex, (operations) => charge(base, operations / OPERATIONS_A_STEP))
    }
  }
  charge(base, steps)
}

/** Called after every step with what it gave. */
export function chargeValue({ base }: Scope, value: unknown): void {
  const is_object = typeof value === 'object' && value !== null
  // A tuple stream is JSONata's own: each tuple refers to all that lead to it.
  const length = is_object && !('tupleStream' in value) ? jsonLength(value) : 0
  charge(base, sizeOf(value) / ITEMS_A_STEP + length / OPERATIONS_A_STEP / 4)
}

function charge(base: object, steps: number): void {
  const total = (spent.get(base) ?? 0) + steps
  spent.set(base, total)
  if (total > STEPS_MAX) throw new LimitReached('too_many_steps', `the evaluation takes more than ${STEPS_MAX} steps`)
  shared.get(base)?.take(steps)
}

/** The length of a value itself, without what it refers to. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string' && value.length > TEXT_LENGTH_MAX) throw tooLarge('text')
  return typeof value === 'string' || Array.isArray(value) ? value.length : 0
}

/**
 * About how long a value is as JSON. Parts that are shared count every time they appear: a value
 * of forty arrays can hold itself 2^40 times, and comparing or writing it would never end.
 */
export function jsonLength(value: unknown, nesting = 0): number {
  if (typeof value === 'string') return value.length + 2
  if (typeof value !== 'object' || value === null || isFunction(value)) return 4
  if (nesting > NESTING_MAX) throw new LimitReached('too_deep', `a value is nested more than ${NESTING_MAX} deep`)
  let length = 2
  for (const [key, member] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    length += (typeof key === 'string' ? key.length + 4 : 1) + jsonLength(member, nesting + 1)
    if (length > VALUE_LENGTH_MAX) throw tooLarge('value')
  }
  return length
}

/** Functions are values in JSONata: its own are records with a mark, closures of its runtime are JavaScript's. */
export function isFunction(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'function'
  const { _jsonata_function, _jsonata_lambda } = value as Record<string, unknown>
  return _jsonata_function === true || _jsonata_lambda === true
}

export function isBuiltin(value: unknown): value is Builtin {
  return typeof value === 'object' && value !== null && '_jsonata_function' in value
}

/** The same function, paying for its arguments and its result. Functions call each other without an evaluator's step. */
export function metered(name: string, builtin: Builtin): Builtin {
  const { implementation } = builtin
  const operationsOf = OPERATIONS[name]
  const meter = function (this: { environment: Scope }, ...args: unknown[]): unknown {
    const { base } = this.environment
    const pay = (value: unknown) => charge(base, sizeOf(value) / ITEMS_A_STEP)
    charge(base, 1 + (operationsOf?.(...args) ?? 0) / OPERATIONS_A_STEP)
    args.forEach(pay)
    const result = implementation.apply(this, args)
    if (!(result instanceof Promise)) pay(result)
    return result instanceof Promise
      ? result.then((value) => {
          pay(value)
          return value
        })
      : result
  }
  // JSONata reads how many parameters a function has and, to apply it partially, their names.
  Object.defineProperties(meter, {
    length: { value: implementation.length },
    toString: { value: () => implementation.toString() },
  })
  return { ...builtin, implementation: meter }
}

/** Operations of functions that do more than their arguments and their result show; they may refuse. */
const OPERATIONS: Record<string, (...args: unknown[]) => number> = {
  // Its merge keeps a copy of the rest at every item: a square of memory.
  sort: (items: unknown) => 10 * sizeOf(items) ** 2,
  spread: (items: unknown) => sizeOf(items) ** 2,
  distinct: (items: unknown) => sizeOf(items) * jsonLength(items),
  append: (a: unknown, b: unknown) => 10 * (sizeOf(a) + sizeOf(b)),
  merge: (items: unknown) => jsonLength(items),
  string: (value: unknown, is_pretty: unknown) => (is_pretty === true ? NESTING_MAX : 1) * jsonLength(value),
  pad: (_text: unknown, width: unknown) => made(Math.abs(Number(width))),
  join: (items: unknown, separator: unknown) => made(sizeOf(items) * sizeOf(separator) + jsonLength(items)),
  contains: searching,
  substringBefore: searching,
  substringAfter: searching,
  split: searching,
  replace: searching,
  formatNumber: (_value: unknown, picture: unknown) => pictured(picture),
  formatInteger: (_value: unknown, picture: unknown) => pictured(picture),
  parseInteger: (_text: unknown, picture: unknown) => pictured(picture),
  fromMillis: (_time: unknown, picture: unknown) => pictured(picture),
  toMillis: parsing,
}

function made(length: number): number {
  if (length > TEXT_LENGTH_MAX) throw tooLarge('text')
  return length
}

/** At worst every character of the pattern is compared at every place. */
function searching(text: unknown, pattern: unknown): number {
  return (sizeOf(text) * (typeof pattern === 'string' ? pattern.length : 1)) / 10
}

function pictured(picture: unknown): number {
  if (sizeOf(picture) > PICTURE_LENGTH_MAX) throw tooLarge('picture string')
  return sizeOf(picture)
}

/** JSONata makes a backtracking regular expression of the picture: at worst it tries every way to cut the text. */
function parsing(text: unknown, picture: unknown): number {
  if (typeof text !== 'string' || typeof picture !== 'string') return 0
  const cuts = picture.split('[').length - 2
  let ways = pictured(picture)
  for (let i = 1; i <= cuts; i++) ways *= Math.max(1, (text.length - i) / i)
  return ways
}

function tooLarge(what: string): LimitReached {
  return new LimitReached('too_large', `a ${what} is too large`)
}
