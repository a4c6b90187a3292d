import { describe, expect, it } from 'vitest'
import { Inspector } from '../../scripts/inspector.ts'
import { range, Tenant, usePostern, waitFor } from './harness.ts'

// `npm run test:backlog` makes it 100,000.
const BACKLOG = Number(process.env.POSTERN_BACKLOG ?? 10_000)
const MEMORY_GROWTH_MAX = 64 * 1024 * 1024
const ENQUEUE_SLOWDOWN_MAX = 10
const SAMPLES = 101

// Generous: a drain at 100 deliveries/s would still be in time.
const DRAIN_LIMIT_MS = 30_000 + BACKLOG * 10

const shared = usePostern()

describe(`a backlog of ${BACKLOG.toLocaleString('en')} deliveries in one Endpoint`, () => {
  it('takes little memory, leaves enqueueing fast, and drains', { timeout: 120_000 + BACKLOG * 15 }, async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'backlogged')
    const endpoint = await tenant.endpoint(receiver, '/backlog', { max_in_flight: 100 })
    // Code and caches that any load needs should not count as the backlog's.
    await tenant.publishMany(backlogOf(2_000))
    await waitFor(() => receiver.accepted('/backlog').length === 2_000, { limit_ms: 60_000, what: 'The warm-up' })
    await endpoint.disable()
    const empty_ms = await medianPublishMs(tenant)
    const inspector = await Inspector.connect(gateway.inspector_port, 'postern')
    const idle_bytes = await inspector.heapBytes()
    const grownBytes = async () => (await inspector.heapBytes()) - idle_bytes

    const filled_at = performance.now()
    const ids = await tenant.publishMany(backlogOf(BACKLOG))
    const fill_s = (performance.now() - filled_at) / 1000
    const full_bytes = await grownBytes()
    expect((await endpoint.breaker()).unfinished).toBe(BACKLOG + SAMPLES)
    const full_ms = await medianPublishMs(tenant)

    const drained_at = performance.now()
    let peak_bytes = full_bytes
    await endpoint.enable()
    await waitFor(
      async () => {
        peak_bytes = Math.max(peak_bytes, await grownBytes())
        return (await endpoint.breaker()).unfinished === 0
      },
      { limit_ms: DRAIN_LIMIT_MS, what: 'The drain', interval_ms: 500 },
    )
    const drain_s = (performance.now() - drained_at) / 1000
    inspector.close()

    console.info(
      [
        `filled in ${fill_s.toFixed(1)} s (${Math.round(BACKLOG / fill_s)}/s)`,
        `a publish takes ${empty_ms.toFixed(1)} ms empty, ${full_ms.toFixed(1)} ms full`,
        `heap above idle: ${mebibytes(full_bytes)} full, ${mebibytes(peak_bytes)} at most while draining`,
        `all of workerd: ${mebibytes(await gateway.workerdBytes())}`,
        `drained in ${drain_s.toFixed(1)} s (${Math.round(BACKLOG / drain_s)}/s)`,
      ].join('\n'),
    )
    expect(peak_bytes).toBeLessThan(MEMORY_GROWTH_MAX)
    expect(full_ms).toBeLessThan(ENQUEUE_SLOWDOWN_MAX * empty_ms)
    const accepted = receiver.accepted('/backlog').map((arrival) => arrival.webhook_id)
    expect(accepted).toHaveLength(2_000 + BACKLOG + 2 * SAMPLES)
    expect(new Set(accepted).size).toBe(accepted.length)
    expect(new Set(ids).difference(new Set(accepted)).size).toBe(0)
  })
})

function backlogOf(count: number) {
  return range(count).map((seq) => ({ type: 'backlog.grown', data: { seq, text: 'x'.repeat(200) } }))
}

async function medianPublishMs(tenant: Tenant): Promise<number> {
  const samples: number[] = []
  for (const seq of range(SAMPLES)) {
    const started_at = performance.now()
    const { status } = await tenant.publish({ type: 'backlog.probed', data: { seq } })
    samples.push(performance.now() - started_at)
    expect(status).toBe(202)
  }
  return samples.sort((a, b) => a - b)[SAMPLES >> 1] ?? Number.POSITIVE_INFINITY
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
