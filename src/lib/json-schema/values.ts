/** JSON values as JSON Schema compares them. */
import { TooCostly } from './run.ts'

/** Values within each other that are compared; the stack has room for many times as many. */
const NESTING_MAX = 400

export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer'] as const

export type TypeName = (typeof TYPES)[number]

export function isOfType(value: unknown, type: TypeName): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isObject(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

/**
 * Text that is the same for equal values, whatever the order of their members: so many values are told
 * apart in one pass, where comparing each with each would take their square.
 * @param charge told what it costs, before the work is done
 * @throws TooCostly
 */
export function canonical(value: unknown, charge: (operations: number) => void, nesting = 0): string {
  if (nesting > NESTING_MAX) throw new TooCostly('it is nested too deeply')
  if (typeof value === 'string') charge(value.length)
  charge(16)
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, charge, nesting + 1)).join()}]`
  if (!isObject(value)) return JSON.stringify(value)
  const names = Object.keys(value)
  // Sorting compares each name with some others.
  charge(names.reduce((sum, name) => sum + name.length + 64, 0))
  const members = names.sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name], charge, nesting + 1)}`)
  return `{${members.join()}}`
}

/** Exact, unlike a remainder of floating point: 0.0075 is a multiple of 0.0001. */
export function isMultipleOf(value: number, divisor: number): boolean {
  const [digits, exponent] = decimal(value)
  const [divisor_digits, divisor_exponent] = decimal(divisor)
  const shared = Math.min(exponent, divisor_exponent)
  const scale = (count: bigint, from: number) => count * 10n ** BigInt(from - shared)
  return scale(digits, exponent) % scale(divisor_digits, divisor_exponent) === 0n
}

/** A number as digits and a power of ten. */
function decimal(value: number): [bigint, number] {
  const [mantissa = '', power = '0'] = value.toExponential().split('e')
  const fraction = mantissa.split('.')[1] ?? ''
  return [BigInt(mantissa.replace('.', '')), Number(power) - fraction.length]
}

/** Code points, as `minLength` counts. */
export function lengthOf(text: string): number {
  let length = 0
  for (const _ of text) length++
  return length
}
