/** How fast messages for one endpoint are accepted, while they are delivered, against the empty route. */
import { rounds } from '../measure.ts'
import { profileWhile } from '../profile.ts'
import { compared } from '../report.ts'
import type { Scenario } from '../scenario.ts'

const HOTSPOTS_SHOWN = 25

export const publish: Scenario = {
  name: 'publish',
  async run(stage, settings) {
    const tenant = await stage.tenant()
    const event_types = await tenant.endpoints(1)
    const held = await tenant.endpoint('held.e000', 'held')
    await tenant.disable(held)
    await stage.empty()
    await stage.deliver(tenant, { event_types })
    const measured = await rounds(settings.rounds, async () => ({
      empty: await stage.empty(),
      delivered: await stage.deliver(tenant, { event_types }),
      held: await stage.publish(tenant, { event_types: ['held.e000'] }),
    }))
    const notes = measured.map(
      ({ empty, delivered: { publish, sink } }, i) =>
        `round ${i + 1}: CPU of the load generator ${share(empty.cpu_share)} (empty), ${share(publish.cpu_share)} (publish), of the sinks ${share(sink.cpu_share)}`,
    )
    if (settings.profile) {
      const hotspots = await profileWhile(stage.gateway.inspector_port, () => stage.deliver(tenant, { event_types }))
      notes.push(
        'Share of the time in the isolate of the Worker and its Endpoints, idle left out: itself, with what it calls',
      )
      for (const { name, self, total } of hotspots.slice(0, HOTSPOTS_SHOWN)) {
        notes.push(`${percent(self)} ${percent(total)}  ${name}`)
      }
    }
    return {
      figures: [
        compared(
          'published, one endpoint',
          '/s',
          measured.map(({ empty, delivered: { publish } }) => ({ value: publish.per_s, against: empty.per_s })),
          { at_least: 0.35 },
        ),
        compared(
          'publish p50',
          'ms',
          measured.map(({ empty, delivered: { publish } }) => ({
            value: publish.latency.p50,
            against: empty.latency.p50,
          })),
        ),
        compared(
          'publish p99',
          'ms',
          measured.map(({ empty, delivered: { publish } }) => ({
            value: publish.latency.p99,
            against: empty.latency.p99,
          })),
        ),
        compared(
          'workerd CPU per message, delivery included',
          'ms',
          measured.map(({ empty, delivered: { publish } }) => ({ value: publish.cpu_ms, against: empty.cpu_ms })),
        ),
        compared(
          'published, endpoint disabled: custody alone',
          '/s',
          measured.map(({ empty, held }) => ({ value: held.per_s, against: empty.per_s })),
        ),
        compared(
          'workerd CPU per message, custody alone',
          'ms',
          measured.map(({ empty, held }) => ({ value: held.cpu_ms, against: empty.cpu_ms })),
        ),
      ],
      notes,
    }
  },
}

function share(of_one_core: number): string {
  return `${Math.round(of_one_core * 100)} %`
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1).padStart(5)} %`
}
