/** Metrics as text, read back by a parser that is not ours. */
import parse from 'parse-prometheus-text-format'
import { describe, expect, it } from 'vitest'
import { toExposition } from '../../../src/metrics/exposition.ts'
import { OTHERS, TENANTS_NAMED_MAX, toGauges } from '../../../src/metrics/gauges.ts'
import { COUNT_MAX, type TenantNumbers } from '../../../src/metrics/read-gateway.ts'

const BUILD = { version: '1.2.3', environment: 'dev' }
const NOW = 1_800_000_000_000

const tenant = (tenant_id: string, numbers: Partial<TenantNumbers> = {}): TenantNumbers => ({
  tenant_id,
  waiting: 0,
  dead: 0,
  cancelled: 0,
  oldest_waiting_at: null,
  dead_letters: 0,
  endpoints: 0,
  endpoints_disabled: 0,
  sources_failing: 0,
  ...numbers,
})

/** What Prometheus would read of this gateway. */
function scraped(tenants: TenantNumbers[], tenants_total = tenants.length) {
  const numbers = { read_at: NOW - 3000, tenants, tenants_total, internal_dead_letters: 4 }
  const families = parse(toExposition(toGauges(numbers, BUILD, NOW)))
  return (name: string, labels: Record<string, string> = {}) => {
    const samples = families.find((family) => family.name === name)?.metrics ?? []
    return samples
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels?.[label] === value))
      .map(({ value }) => Number(value))
  }
}

describe('the text', () => {
  it('ends as OpenMetrics demands, so that half an answer is not taken for a whole one', () => {
    expect(toExposition([])).toBe('# EOF\n')
  })

  it('keeps what a label holds, whatever it is', () => {
    const hostile = 'a"b\\c\nd{e="f"} 1'
    const text = toExposition([{ name: 'odd', help: 'x\ny', samples: [{ labels: { tenant: hostile }, value: 1 }] }])
    expect(text.split('\n')).toHaveLength(5)
    const [family] = parse(text)
    expect(family?.metrics).toHaveLength(1)
    expect(family?.metrics[0]?.labels?.tenant).toBe(hostile)
  })

  it('describes what has no sample yet', () => {
    expect(toExposition([{ name: 'none', help: 'Nothing', samples: [] }])).toBe(
      '# TYPE none gauge\n# HELP none Nothing\n# EOF\n',
    )
  })
})

describe('a tenant', () => {
  it('has a series of its own for each number', () => {
    const valuesOf = scraped([
      tenant('acme', { waiting: 7, dead: 2, cancelled: 1, dead_letters: 3, endpoints: 5, endpoints_disabled: 4 }),
      tenant('globex', { sources_failing: 6 }),
    ])
    expect(valuesOf('postern_deliveries', { tenant: 'acme', state: 'waiting' })).toEqual([7])
    expect(valuesOf('postern_deliveries', { tenant: 'acme', state: 'dead' })).toEqual([2])
    expect(valuesOf('postern_deliveries', { tenant: 'acme', state: 'cancelled' })).toEqual([1])
    expect(valuesOf('postern_dead_letters', { tenant: 'acme' })).toEqual([3])
    expect(valuesOf('postern_endpoints', { tenant: 'acme' })).toEqual([5])
    expect(valuesOf('postern_endpoints_disabled', { tenant: 'acme' })).toEqual([4])
    expect(valuesOf('postern_sources_failing', { tenant: 'globex' })).toEqual([6])
  })

  it('shows how long its oldest delivery has waited until now, not until the numbers were read', () => {
    const valuesOf = scraped([tenant('acme', { oldest_waiting_at: NOW - 90_000 }), tenant('globex')])
    expect(valuesOf('postern_oldest_waiting_age_seconds', { tenant: 'acme' })).toEqual([90])
    expect(valuesOf('postern_oldest_waiting_age_seconds', { tenant: 'globex' })).toEqual([0])
  })
})

describe('more tenants than may have series', () => {
  const many = Array.from({ length: TENANTS_NAMED_MAX + 3 }, (_, i) =>
    tenant(`t${i}`, { waiting: 1, oldest_waiting_at: NOW - i * 1000 }),
  )
  const valuesOf = scraped(many, 1000)

  it('are summed up, so that a total is a total of all that were read', () => {
    expect(valuesOf('postern_deliveries', { state: 'waiting' })).toHaveLength(TENANTS_NAMED_MAX + 1)
    expect(valuesOf('postern_deliveries', { state: 'waiting', tenant: OTHERS })).toEqual([3])
    const total = valuesOf('postern_deliveries', { state: 'waiting' }).reduce((sum, value) => sum + value, 0)
    expect(total).toBe(many.length)
  })

  it('show the oldest of them all', () => {
    expect(valuesOf('postern_oldest_waiting_age_seconds', { tenant: OTHERS })).toEqual([TENANTS_NAMED_MAX + 2])
  })

  it('are said to be so', () => {
    expect(valuesOf('postern_tenants', { series: 'own' })).toEqual([TENANTS_NAMED_MAX])
    expect(valuesOf('postern_tenants', { series: 'other' })).toEqual([3])
    expect(valuesOf('postern_tenants', { series: 'none' })).toEqual([1000 - many.length])
  })
})

it('says how old the numbers are, how far they were counted, and who answers', () => {
  const valuesOf = scraped([])
  expect(valuesOf('postern_read_timestamp_seconds')).toEqual([(NOW - 3000) / 1000])
  expect(valuesOf('postern_count_limit')).toEqual([COUNT_MAX])
  expect(valuesOf('postern_internal_dead_letters')).toEqual([4])
  expect(valuesOf('postern_build_info', BUILD)).toEqual([1])
})
