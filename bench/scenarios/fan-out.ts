/** One message for a hundred endpoints. */
import { rounds } from '../measure.ts'
import { compared } from '../report.ts'
import type { Scenario } from '../scenario.ts'

const ENDPOINTS = 100
/** A message is a hundred deliveries: as many as fit into a round. */
const MESSAGES = 20

export const fanOut: Scenario = {
  name: 'fan-out',
  async run(stage, settings) {
    const tenant = await stage.tenant()
    for (let i = 0; i < ENDPOINTS; i++) await tenant.endpoint('sink.all')
    const stream = { event_types: ['sink.all'], copies: ENDPOINTS }
    await stage.deliver(tenant, { ...stream, requests: MESSAGES })
    const measured = await rounds(settings.rounds, async () => ({
      empty: await stage.empty(),
      lone_empty: await stage.empty({ requests: MESSAGES, connections: 1 }),
      lone: await stage.deliver(tenant, { ...stream, requests: 1 }),
      many: await stage.deliver(tenant, { ...stream, requests: MESSAGES, connections: 8 }),
    }))
    return {
      figures: [
        compared(
          `delivered, 1 → ${ENDPOINTS}`,
          '/s',
          measured.map(({ empty, many }) => ({ value: many.per_s, against: empty.per_s })),
        ),
        compared(
          'workerd CPU per delivery',
          'ms',
          measured.map(({ empty, many }) => ({ value: many.publish.cpu_ms / ENDPOINTS, against: empty.cpu_ms })),
        ),
        compared(
          'publish alone, until its answer',
          'ms',
          measured.map(({ lone_empty, lone }) => ({
            value: lone.publish.latency.max,
            against: lone_empty.latency.p50,
          })),
        ),
        compared(
          'publish alone, until half have received it',
          'ms',
          measured.map(({ lone_empty, lone }) => ({ value: lone.sink.latency.p50, against: lone_empty.latency.p50 })),
        ),
        compared(
          `publish alone, until all ${ENDPOINTS} have received it`,
          'ms',
          measured.map(({ lone_empty, lone }) => ({ value: lone.sink.latency.max, against: lone_empty.latency.p50 })),
        ),
      ],
    }
  },
}
