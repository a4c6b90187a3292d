/** An estimate as a page of text. */
import type { Estimate } from './estimate.ts'
import { type Limit, monthsUntil } from './limits.ts'
import type { Load } from './load.ts'
import { OPERATION_RATES, type Operation, PLAN_DOLLARS, PRICES_READ_ON, STORAGE_RATES, type Store } from './prices.ts'

const INTEGER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const FIGURES = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 })
const DOLLARS = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' })

/** Lines for a person: what happens, what it costs, where it ends. */
export function reportOf(load: Load, { operations, storage, dollars }: Estimate, limits: Limit[]): string[] {
  return [
    row('in a month', 'quantity', 'included', 'dollars'),
    ...Object.entries(operations).map(([name, quantity]) => {
      const { included } = OPERATION_RATES[name as Operation]
      const cost = dollars.operations[name as Operation]
      return row(name, INTEGER.format(quantity), INTEGER.format(included), DOLLARS.format(cost)) + noteOn(name)
    }),
    ...Object.entries(storage).map(([name, bytes]) => {
      const { included } = STORAGE_RATES[name as Store]
      const cost = dollars.storage[name as Store]
      return row(`${name}, GB kept`, FIGURES.format(bytes / 1e9), INTEGER.format(included / 1e9), DOLLARS.format(cost))
    }),
    row('the plan', '', '', DOLLARS.format(PLAN_DOLLARS)),
    row('dollars a month', '', '', DOLLARS.format(dollars.month)),
    `by the list, nothing included, analytics counted: ${DOLLARS.format(dollars.list_per_million)} a million messages; prices read ${PRICES_READ_ON}`,
    '',
    `${'limits, the first in front'.padEnd(46)}${'used'.padStart(10)}${'of'.padStart(8)} ${'unit'.padEnd(14)} messages a day that reach it; soft: nothing is refused`,
    ...limits.map(
      ({ name, used, limit, unit, reached_at, is_soft }) =>
        `${name.padEnd(46)}${FIGURES.format(used).padStart(10)}${INTEGER.format(limit).padStart(8)} ${unit.padEnd(14)} ${
          Number.isFinite(reached_at) ? FIGURES.format(reached_at) : 'none'
        }${is_soft ? ' (soft)' : ''}`,
    ),
    '',
    ...limits
      .filter(({ is_soft }) => !is_soft)
      .slice(0, 1)
      .map((first) => verdict(load, first)),
  ]
}

function row(name: string, quantity: string, included: string, cost: string): string {
  return `${name.padEnd(24)}${quantity.padStart(18)}${included.padStart(18)}${cost.padStart(16)}`
}

function noteOn(operation: string): string {
  if (operation === 'analytics_points') return '  not billed yet, not in the sum'
  return operation === 'log_events' ? '  other prices from 2026-12-01 on' : ''
}

function verdict(load: Load, first: Limit): string {
  const months = monthsUntil(first, load)
  const growth = `${FIGURES.format(load.growth_per_month * 100)} % a month`
  if (months === 0) return `The first limit is passed: ${first.name}. What helps: ${first.remedy}.`
  if (!Number.isFinite(months)) return `The first limit: ${first.name}, not reached without growth.`
  return `The first limit: ${first.name}, in ${FIGURES.format(months)} months at ${growth}. What helps: ${first.remedy}.`
}
