/** Whether the past weighs: throughput and memory before and after many deliveries to one endpoint. */
import { Inspector } from '../../scripts/inspector.ts'
import { median, rounds } from '../measure.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage, Tenant } from '../stage.ts'

const CHUNK = 10_000
const MEBIBYTE = 1024 * 1024

export const growth: Scenario = {
  name: 'growth',
  async run(stage, settings) {
    const tenant = await stage.tenant()
    const event_types = await tenant.endpoints(1)
    await stage.deliver(tenant, { event_types })
    const before = await measure(stage, tenant, event_types, settings.rounds)
    for (let left = settings.past_deliveries; left > 0; left -= CHUNK) {
      await stage.deliver(tenant, { event_types, requests: Math.min(left, CHUNK) })
    }
    const after = await measure(stage, tenant, event_types, settings.rounds)
    const of = `${settings.past_deliveries.toLocaleString('en')} past deliveries`
    const against = (name: string, unit: string, pick: (measured: Measured) => number) => ({
      name,
      unit,
      value: pick(after),
      against: pick(before),
      ratio: pick(after) / pick(before),
    })
    return {
      figures: [
        {
          ...against(`share of the empty route's rate, after ${of} against before`, '×', ({ share }) => share),
          budget: { of: 'ratio', at_least: 0.9 },
        },
        against('delivered, after against before', '/s', ({ per_s }) => per_s),
        against('workerd CPU per message in empty requests, after against before', '×', ({ cpu }) => cpu),
        against('heap of the isolate, after against before', 'MiB', ({ heap }) => heap / MEBIBYTE),
        against('memory of all of workerd, after against before', 'MiB', ({ resident }) => resident / MEBIBYTE),
      ],
    }
  },
}

interface Measured {
  share: number
  per_s: number
  cpu: number
  heap: number
  resident: number
}

async function measure(stage: Stage, tenant: Tenant, event_types: string[], count: number): Promise<Measured> {
  const measured = await rounds(count, async () => ({
    empty: await stage.empty(),
    delivered: await stage.deliver(tenant, { event_types }),
  }))
  const inspector = await Inspector.connect(stage.gateway.inspector_port, 'postern')
  const heap = await inspector.heapBytes()
  inspector.close()
  return {
    share: median(measured.map(({ empty, delivered }) => delivered.per_s / empty.per_s)),
    per_s: median(measured.map(({ delivered }) => delivered.per_s)),
    cpu: median(measured.map(({ empty, delivered }) => delivered.publish.cpu_ms / empty.cpu_ms)),
    heap,
    resident: await stage.gateway.workerdBytes(),
  }
}
