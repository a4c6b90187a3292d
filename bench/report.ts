/** What was measured, beside what it was measured against and what is demanded. */
import { cpus, loadavg, totalmem } from 'node:os'
import { median, spread } from './measure.ts'

export interface Figure {
  name: string
  value: number
  unit: string
  /** The same of what it is compared with: the empty route, unless the name says otherwise. */
  against?: number
  /** Median of the rounds' own ratios, which is steadier than the ratio of medians. */
  ratio?: number
  /** How far the rounds' ratios (or values) lie apart, as a share of their median. */
  spread?: number
  budget?: Budget
}

interface Budget {
  of: 'ratio' | 'value'
  at_least?: number
  at_most?: number
}

export type ScenarioFigures = { scenario: string; figures: Figure[]; took_s: number; notes: string[] }

/** A figure of several rounds, each against its own yardstick. */
export function compared(
  name: string,
  unit: string,
  pairs: readonly { value: number; against: number }[],
  budget?: Omit<Budget, 'of'>,
): Figure {
  const ratios = pairs.map(({ value, against }) => value / against)
  return {
    name,
    unit,
    value: median(pairs.map(({ value }) => value)),
    against: median(pairs.map(({ against }) => against)),
    ratio: median(ratios),
    spread: spread(ratios),
    ...(budget !== undefined && { budget: { of: 'ratio' as const, ...budget } }),
  }
}

/** Undefined when nothing is demanded. */
export function isMet({ budget, value, ratio }: Figure): boolean | undefined {
  if (budget === undefined) return undefined
  const measured = budget.of === 'ratio' ? (ratio ?? Number.NaN) : value
  return (
    measured >= (budget.at_least ?? Number.NEGATIVE_INFINITY) &&
    measured <= (budget.at_most ?? Number.POSITIVE_INFINITY)
  )
}

export function table({ scenario, figures, took_s, notes }: ScenarioFigures): string {
  const head = ['', 'measured', 'against', 'ratio', '± spread', 'budget', '']
  const rows = figures.map((figure) => [
    figure.name,
    amount(figure.value, figure.unit),
    figure.against === undefined ? '' : amount(figure.against, figure.unit),
    figure.ratio === undefined ? '' : digits(figure.ratio),
    figure.spread === undefined ? '' : `${Math.round(figure.spread * 100)} %`,
    budgetText(figure),
    { true: 'met', false: 'NOT MET', undefined: '' }[String(isMet(figure))] ?? '',
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)))
  const line = (row: string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return [
    `\n${scenario} (${Math.round(took_s)} s)`,
    ...[head, ...rows].map((row) => `  ${line(row)}`.trimEnd()),
    ...notes.map((note) => `  ${note}`),
  ].join('\n')
}

function budgetText({ budget }: Figure): string {
  if (budget === undefined) return ''
  if (budget.at_least !== undefined) return `≥ ${budget.at_least}${budget.of === 'ratio' ? ' ×' : ''}`
  return `≤ ${budget.at_most}${budget.of === 'ratio' ? ' ×' : ''}`
}

function amount(value: number, unit: string): string {
  return unit === '$' ? `$${value.toFixed(2)}` : `${digits(value)} ${unit}`
}

function digits(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return value.toPrecision(Math.abs(value) < 1 ? 2 : 3)
}

/** What ran, where: figures say little without it. */
export function surroundings() {
  const [cpu] = cpus()
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    load_average: loadavg()[0] ?? Number.NaN,
  }
}
