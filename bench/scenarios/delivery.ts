/** How much is delivered from end to end when as much is published as goes in. */
import { rounds } from '../measure.ts'
import { compared, type Figure } from '../report.ts'
import type { Scenario } from '../scenario.ts'

export const ENDPOINT_COUNTS = [1, 16, 256]
const BUDGET_AT = 256

export const delivery: Scenario = {
  name: 'delivery',
  async run(stage, settings) {
    const figures: Figure[] = []
    for (const count of ENDPOINT_COUNTS) {
      const tenant = await stage.tenant()
      const event_types = await tenant.endpoints(count)
      await stage.deliver(tenant, { event_types })
      const measured = await rounds(settings.rounds, async () => ({
        empty: await stage.empty(),
        delivered: await stage.deliver(tenant, { event_types }),
      }))
      const of = `${count} endpoint${count === 1 ? '' : 's'}`
      figures.push(
        compared(
          `delivered, ${of}`,
          '/s',
          measured.map(({ empty, delivered }) => ({ value: delivered.per_s, against: empty.per_s })),
          count === BUDGET_AT ? { at_least: 0.25 } : undefined,
        ),
        compared(
          `workerd CPU per message, ${of}`,
          'ms',
          measured.map(({ empty, delivered }) => ({ value: delivered.publish.cpu_ms, against: empty.cpu_ms })),
        ),
      )
    }
    return { figures }
  },
}
