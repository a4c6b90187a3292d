/** From sending a publish to receiving the delivery, at half of the load that would be too much. */
import { median, rounds } from '../measure.ts'
import { compared, type Figure } from '../report.ts'
import type { Scenario } from '../scenario.ts'
import { ENDPOINT_COUNTS } from './delivery.ts'

const BUDGET_AT = 256

export const latency: Scenario = {
  name: 'latency',
  async run(stage, settings) {
    const figures: Figure[] = []
    for (const count of ENDPOINT_COUNTS) {
      const tenant = await stage.tenant()
      const event_types = await tenant.endpoints(count)
      await stage.deliver(tenant, { event_types })
      const most = await rounds(Math.min(settings.rounds, 3), () => stage.deliver(tenant, { event_types }))
      const rate_per_s = Math.max(1, Math.round(median(most.map(({ per_s }) => per_s)) / 2))
      const measured = await rounds(settings.rounds, async () => ({
        empty: await stage.empty({ rate_per_s }),
        delivered: await stage.deliver(tenant, { event_types, rate_per_s }),
      }))
      const of = `${count} endpoint${count === 1 ? '' : 's'} at ${rate_per_s}/s`
      const against = (pick: 'p50' | 'p99') =>
        measured.map(({ empty, delivered }) => ({ value: delivered.sink.latency[pick], against: empty.latency[pick] }))
      const isBudgeted = count === BUDGET_AT
      figures.push(
        compared(`publish to receipt p50, ${of}`, 'ms', against('p50'), isBudgeted ? { at_most: 6 } : undefined),
        compared(`publish to receipt p99, ${of}`, 'ms', against('p99'), isBudgeted ? { at_most: 12 } : undefined),
      )
    }
    return { figures }
  },
}
