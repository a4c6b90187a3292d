/** One endpoint with all it can take beside 99 that hear something now and then. */
import { median, rounds } from '../measure.ts'
import { compared, type Figure } from '../report.ts'
import type { Scenario } from '../scenario.ts'

const COLD_ENDPOINTS = 99
const COLD_RATE_PER_S = 50

export const hot: Scenario = {
  name: 'hot',
  async run(stage, settings) {
    const figures: Figure[] = []
    for (const lanes of settings.lanes) {
      const tenant = await stage.tenant()
      const hot_stream = { event_types: await tenant.endpoints(1, 'hot', { lanes }), group: 'hot' }
      const cold = {
        event_types: await tenant.endpoints(COLD_ENDPOINTS, 'cold'),
        group: 'cold',
        rate_per_s: COLD_RATE_PER_S,
      }
      await stage.deliver(tenant, hot_stream)
      const most = await rounds(settings.rounds, async () => ({
        empty: await stage.empty(),
        hot: await stage.deliver(tenant, hot_stream),
      }))
      // Half of what it can take: at all of it, everybody waits for the one thread that workerd has.
      const rate_per_s = Math.round(median(most.map((round) => round.hot.per_s)) / 2)
      const measured = await rounds(settings.rounds, async () => ({
        alone: await stage.deliver(tenant, cold),
        beside: await stage.deliverBeside(tenant, cold, [{ ...hot_stream, rate_per_s }]),
      }))
      const of = `${lanes} lane${lanes === 1 ? '' : 's'}`
      const against = (pick: 'p50' | 'p99') =>
        measured.map(({ alone, beside }) => ({ value: beside.sink.latency[pick], against: alone.sink.latency[pick] }))
      figures.push(
        compared(
          `hot one, delivered, ${of}`,
          '/s',
          most.map(({ empty, hot }) => ({ value: hot.per_s, against: empty.per_s })),
        ),
        compared(`cold p50 beside a hot one at ${rate_per_s}/s, against without it`, 'ms', against('p50')),
        compared(`cold p99 beside a hot one at ${rate_per_s}/s, against without it`, 'ms', against('p99')),
      )
    }
    return { figures }
  },
}
