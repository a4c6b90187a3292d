/** Whether an endpoint that never answers is felt by a healthy one beside it. */
import { rounds } from '../measure.ts'
import { compared } from '../report.ts'
import type { Scenario } from '../scenario.ts'

/**
 * Well below what workerd can do here: this is about who waits for whom, not about how much goes through.
 * But enough for the p99 of a round to be more than its second-worst message.
 */
const RATE_PER_S = 150
/** Attempts end in the middle of a round, so that both hanging and an open breaker are in it. */
const TIMEOUT_MS = 2000

export const hanging: Scenario = {
  name: 'hanging',
  async run(stage, settings) {
    const tenant = await stage.tenant()
    const event_types = await tenant.endpoints(1)
    const healthy = { event_types, rate_per_s: RATE_PER_S }
    const neighbour = {
      event_types: await tenant.endpoints(1, 'neighbour'),
      group: 'neighbour',
      rate_per_s: RATE_PER_S,
    }
    await stage.deliver(tenant, { event_types })
    const measured = await rounds(settings.rounds, async (round) => {
      // A new one each time, because the breaker of the last is open.
      const group = `hanging`
      const event_type = `hanging.e${round}`
      await tenant.endpoint(event_type, group, { timeout_ms: TIMEOUT_MS, retry_delays_s: [3600] })
      return {
        alone: await stage.deliver(tenant, healthy),
        beside_well: await stage.deliverBeside(tenant, healthy, [neighbour]),
        beside_hanging: await stage.deliverBeside(tenant, healthy, [
          { event_types: [event_type], group, rate_per_s: RATE_PER_S },
        ]),
      }
    })
    const of = (which: 'beside_well' | 'beside_hanging', pick: 'p50' | 'p99') =>
      measured.map((round) => ({ value: round[which].sink.latency[pick], against: round.alone.sink.latency[pick] }))
    return {
      figures: [
        compared('healthy p99 beside a hanging one, against alone', 'ms', of('beside_hanging', 'p99'), {
          at_most: 1.5,
        }),
        compared('healthy p50 beside a hanging one, against alone', 'ms', of('beside_hanging', 'p50')),
        compared('healthy p99 beside another healthy one, against alone', 'ms', of('beside_well', 'p99')),
        compared('healthy p50 beside another healthy one, against alone', 'ms', of('beside_well', 'p50')),
      ],
      notes: [`${RATE_PER_S} messages/s to each; the hanging one is given ${TIMEOUT_MS} ms, then its breaker opens`],
    }
  },
}
