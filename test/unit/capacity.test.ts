/// <reference types="node" />
/** The calculator against the cost table of docs/architecture.md, the bench, docs/scaling.md, and sums done by hand. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ALONE, IN_A_STREAM } from '../../bench/operations.ts'
import { PRICES } from '../../bench/prices.ts'
import { DAYS_PER_MONTH, estimate } from '../../scripts/capacity/estimate.ts'
import { limitsOf, monthsUntil } from '../../scripts/capacity/limits.ts'
import { type Load, loadSchema } from '../../scripts/capacity/load.ts'
import { OPERATION_RATES, price, STORAGE_RATES } from '../../scripts/capacity/prices.ts'
import { reportOf } from '../../scripts/capacity/report.ts'

const MINUTES_PER_DAY = 24 * 60
const SECONDS_PER_DAY = MINUTES_PER_DAY * 60

/** By default a message every minute, to one endpoint, that succeeds at once. */
function loadOf(given: Record<string, string | number> = {}): Load {
  return loadSchema.parse({ 'messages-per-day': MINUTES_PER_DAY, 'retry-rate': 0, ...given })
}

function perMessage(load: Load) {
  const { operations } = estimate(load)
  const messages = load.messages_per_day * DAYS_PER_MONTH
  return (operation: keyof typeof operations) => operations[operation] / messages
}

/** What docs/architecture.md says under "What a message costs": the first number of a row's second column. */
function documented(row: string): number {
  const table = readFileSync('docs/architecture.md', 'utf8').split('\n## What a message costs\n')[1] ?? ''
  const cell = table
    .split('\n')
    .map((line) => line.split('|').map((text) => text.trim()))
    .find(([, name]) => name === row)?.[2]
  return Number.parseInt(cell ?? '', 10)
}

describe('what a message makes the platform do', () => {
  const alone = perMessage(loadOf())

  it('is what the cost table says of one alone in its minute', () => {
    expect(alone('worker_requests')).toBe(documented('Worker requests'))
    expect(alone('queue_operations')).toBe(documented('queue operations'))
    // The table ends before the minute's alarm rings: a request, and a row for the next alarm. Then retention deletes.
    expect(alone('object_requests')).toBe(documented('Durable Object requests') + 1)
    const rows = documented('Durable Object rows written') + documented('… once things get quiet')
    expect(alone('object_rows_written')).toBe(rows + 1)
    expect(alone('d1_rows_written')).toBe(documented('D1 rows written') + 1)
  })

  it('is what the bench counts, with the rows that are deleted later', () => {
    expect(alone('object_requests')).toBe(ALONE.object_requests)
    expect(alone('object_rows_written')).toBe((ALONE.object_rows_written ?? 0) + 1)
    const stream = perMessage(loadOf({ 'messages-per-day': 1000 * SECONDS_PER_DAY }))
    expect(stream('object_requests')).toBeCloseTo(IN_A_STREAM.object_requests ?? 0, 3)
    expect(stream('object_rows_written')).toBeCloseTo((IN_A_STREAM.object_rows_written ?? 0) + 1, 3)
    expect(stream('analytics_points')).toBe(IN_A_STREAM.analytics_points)
  })

  it('is five rows, three rows of D1, three operations and a request more for each retry', () => {
    const retried = perMessage(loadOf({ 'retry-rate': 1 }))
    const more = (operation: Parameters<typeof alone>[0]) => retried(operation) - alone(operation)
    expect(more('object_rows_written')).toBe(5)
    expect(more('d1_rows_written')).toBe(3)
    expect(more('queue_operations')).toBe(3)
    expect(more('object_requests')).toBe(1)
    expect(more('analytics_points')).toBe(1)
  })

  it('is a write to R2, and a read for each attempt, when it is large', () => {
    const large = perMessage(loadOf({ 'large-share': 1, endpoints: 2, 'retry-rate': 0.5 }))
    expect(large('r2_class_a')).toBe(1)
    expect(large('r2_class_b')).toBe(3)
  })

  it('is a queue message for each twenty endpoints beyond the twentieth', () => {
    const operations = (endpoints: number, payload = 1) =>
      perMessage(loadOf({ endpoints, 'payload-kb': payload }))('queue_operations')
    expect([20, 21, 40, 41].map((endpoints) => operations(endpoints))).toEqual([0, 3, 3, 6])
    expect(operations(21, 70)).toBe(6)
  })

  it('is a row more in the Endpoint and in D1 for what has a key', () => {
    const keyed = perMessage(loadOf({ 'keyed-share': 1 }))
    expect(keyed('object_rows_written') - alone('object_rows_written')).toBe(1)
    expect(keyed('d1_rows_written') - alone('d1_rows_written')).toBe(1)
  })
})

describe('what it costs', () => {
  it('is nothing within what the plan includes, and each further unit beyond it', () => {
    expect(price(10e6, OPERATION_RATES.worker_requests, 'account')).toBe(0)
    // The first example of Cloudflare's page: (15 M − 10 M) × $0.30.
    expect(price(15e6, OPERATION_RATES.worker_requests, 'account')).toBeCloseTo(1.5)
    expect(price(7 * 15e6, OPERATION_RATES.worker_cpu_ms, 'account')).toBeCloseTo(1.5)
    // The example of its page on queues: 89 M operations.
    expect(price(90e6, OPERATION_RATES.queue_operations, 'account')).toBeCloseTo(35.6)
    // Of its page on R2: a terabyte.
    expect(price(1_000e9, STORAGE_RATES.r2, 'account')).toBeCloseTo(14.85)
  })

  it('is the plan alone while it is little', () => {
    expect(estimate(loadOf()).dollars.month).toBe(5)
  })

  it('is what docs/scaling.md works out for 1,000 messages a second', () => {
    const load = loadOf({
      'messages-per-day': 1000 * SECONDS_PER_DAY,
      'endpoints-in-all': 100,
      'payload-kb': 330 / 1024,
      'retry-rate': 0.02,
      'retention-days': 7,
      'log-share': 0,
    })
    expect(estimate(load).dollars.list_per_million).toBeGreaterThan(6.16 * 0.98)
    expect(estimate(load).dollars.list_per_million).toBeLessThan(6.16 * 1.02)
  })

  it('is a sum that was done by hand for a million messages a day to three endpoints', () => {
    const load = loadOf({ 'messages-per-day': 1e6, endpoints: 3, 'payload-kb': 4, 'retry-rate': 0.02 })
    const { operations, storage, dollars } = estimate(load)
    // 30 days × (3 M × 3 rows, 3 objects × 1,440 minutes × 2, 60,000 retries × 5).
    expect(operations.object_rows_written).toBeCloseTo(30 * (9_000_000 + 8_640 + 300_000))
    // 30 × (3 M × 2, 60,000 × 3), less 50 M, at a dollar a million.
    expect(dollars.operations.d1_rows_written).toBeCloseTo(135.4)
    // 90 M deliveries of 150 bytes; of 1,040 + 4,096 + 2 % of 500.
    expect(storage.d1).toBeCloseTo(13.5e9)
    expect(storage.objects).toBeCloseTo(90e6 * (1_040 + 4_096 + 10))
  })

  it('leaves out of the sum what is published and not billed yet', () => {
    const { dollars } = estimate(loadOf({ 'messages-per-day': 1e6, 'log-share': 0 }))
    expect(dollars.operations.analytics_points).toBeCloseTo(5)
    const { analytics_points, ...billed } = dollars.operations
    const sum = [...Object.values(billed), ...Object.values(dollars.storage)].reduce((a, b) => a + b, 5)
    expect(dollars.month).toBeCloseTo(sum)
  })

  it('has the same prices as the bench', () => {
    expect(PRICES).toMatchObject({ worker_requests: 0.3, object_gb_s: 12.5, d1_rows_written: 1, queue_operations: 0.4 })
  })
})

describe('the first limit', () => {
  const limits = (given: Record<string, string | number>) => {
    const load = loadOf(given)
    return limitsOf(load, estimate(load))
  }
  const firstThatRefuses = (given: Record<string, string | number>) => {
    const first = limits(given).find(({ is_soft }) => !is_soft)
    if (first === undefined) throw new Error('nothing ever refuses')
    return first
  }

  it('is the database where deliveries are spread over many endpoints: 66 million are kept', () => {
    const first = firstThatRefuses({ 'messages-per-day': 1e6, 'endpoints-in-all': 1000, 'retention-days': 30 })
    expect(first.name).toBe('bytes of the D1 database')
    // 10 GB ÷ 150 bytes ÷ 30 days.
    expect(first.reached_at).toBeCloseTo(2_222_222, -1)
  })

  it('is the object where one endpoint gets them all, and lanes move it', () => {
    const [first] = limits({ 'messages-per-day': 1e6, 'retention-days': 7 })
    expect(first?.name).toBe('bytes of one object')
    // 9 GB ÷ (1,040 + 1,024) ÷ 7 days.
    expect(first?.reached_at).toBeCloseTo(622_924, -1)
    const wider = limits({ 'messages-per-day': 1e6, 'retention-days': 7, lanes: 4 })
    expect(wider.find(({ name }) => name === 'bytes of one object')?.reached_at).toBeCloseTo(4 * 622_924, -2)
  })

  it('counts requests at the peak, not on average', () => {
    const rate = (peak: number) =>
      limits({ 'messages-per-day': SECONDS_PER_DAY * 50, peak }).find(
        ({ name }) => name === 'requests to one object at peak',
      )?.used
    expect([rate(1), rate(4)]).toEqual([50, 200])
  })

  it('is never the one writer while there are fewer objects than it takes statements', () => {
    const writer = (objects: number) =>
      limits({ 'messages-per-day': 1e9, 'endpoints-in-all': objects }).find(({ name }) => name.includes('writer'))
    expect(writer(100)).toMatchObject({ used: 100, reached_at: Number.POSITIVE_INFINITY })
    // One statement a second each, as many as 100/s at a peak of 4: 25/s on average.
    expect(writer(101)?.reached_at).toBeCloseTo(25 * SECONDS_PER_DAY)
  })

  it('is put off by steady growth as compound interest says', () => {
    const first = firstThatRefuses({ 'messages-per-day': 1e6, 'endpoints-in-all': 1000, 'retention-days': 15 })
    const months = (growth_per_month: number) =>
      monthsUntil(first, { ...loadOf(), messages_per_day: 1e6, growth_per_month })
    // 4.44 times as much at a tenth more each month.
    expect(1.1 ** months(0.1)).toBeCloseTo(4.444, 2)
    expect(months(0)).toBe(Number.POSITIVE_INFINITY)
    expect(monthsUntil({ ...first, reached_at: 1e6 }, { ...loadOf(), messages_per_day: 1e6 })).toBe(0)
  })

  it('is named at the end of the report, with what helps', () => {
    const load = loadOf({ 'messages-per-day': 5e6, 'endpoints-in-all': 1000 })
    const estimated = estimate(load)
    expect(reportOf(load, estimated, limitsOf(load, estimated)).at(-1)).toBe(
      'The first limit is passed: bytes of the D1 database. What helps: shorter retention, another deployment.',
    )
  })
})

describe('a load', () => {
  it.each([
    ['no messages', { 'messages-per-day': 0 }],
    ['what is no number', { 'messages-per-day': 'many' }],
    ['a share of more than all', { 'messages-per-day': 1, 'large-share': 2 }],
    ['a payload that lies in R2, said to be inline', { 'messages-per-day': 1, 'payload-kb': 97 }],
    ['more lanes than there can be', { 'messages-per-day': 1, lanes: 17 }],
    ['fewer endpoints in all than a message goes to', { 'messages-per-day': 1, endpoints: 3, 'endpoints-in-all': 2 }],
    ['an option that does not exist', { 'messages-per-day': 1, 'payload-mb': 1 }],
  ])('is refused with %s', (_what, given) => {
    expect(loadSchema.safeParse(given).success).toBe(false)
  })
})
