import { describe, expect, it } from 'vitest'
import { range, Tenant, usePostern, waitFor } from './harness.ts'

const ENDPOINTS = 5
const IN_FLIGHT_EACH = 100
// One less than opens the breaker.
const WAITING = 4

const shared = usePostern()

describe('kill -9', () => {
  it('loses neither the 500 deliveries in flight nor the retries that the queue forgot', {
    timeout: 180_000,
  }, async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'crashed')
    const paths = range(ENDPOINTS).map((i) => `/slow-${i}`)
    for (const path of paths) {
      await tenant.endpoint(receiver, path, { max_in_flight: IN_FLIGHT_EACH, event_types: ['slow.*'] })
      receiver.become(path, { kind: 'slow', delay_ms: 20_000 })
    }
    await tenant.endpoint(receiver, '/retried', { retry_delays_s: [5], event_types: ['retried.*'] })
    receiver.become('/retried', { kind: 'failing' })

    const retried = await tenant.publishBatch(range(WAITING).map((seq) => ({ type: 'retried.once', data: { seq } })))
    await waitFor(() => receiver.arrivals('/retried').length === WAITING, { limit_ms: 10_000, what: 'First attempts' })
    const ids = await tenant.publishBatch(range(IN_FLIGHT_EACH).map((seq) => ({ type: 'slow.sent', data: { seq } })))
    await waitFor(() => paths.every((path) => receiver.arrivals(path).length === IN_FLIGHT_EACH), {
      limit_ms: 15_000,
      what: '500 deliveries in flight',
    })

    await gateway.kill()
    expect(paths.flatMap((path) => receiver.accepted(path))).toEqual([])
    for (const path of [...paths, '/retried']) receiver.become(path, { kind: 'well' })
    const restarted_at = performance.now()
    await gateway.restart()

    const elapsed_s = () => ((performance.now() - restarted_at) / 1000).toFixed(1)
    const acceptedIds = (path: string) =>
      receiver
        .accepted(path)
        .map((arrival) => arrival.webhook_id)
        .sort()
    await waitFor(() => paths.every((path) => new Set(acceptedIds(path)).size === IN_FLIGHT_EACH), {
      limit_ms: 90_000,
      what: 'The arrival of what was in flight',
    })
    console.info(`in flight at the crash: arrived ${elapsed_s()} s after the restart`)
    await waitFor(() => acceptedIds('/retried').length === WAITING, {
      limit_ms: 90_000,
      what: 'The arrival of the retries that the queue forgot',
    })
    console.info(`waiting for a retry at the crash: arrived ${elapsed_s()} s after the restart`)

    for (const path of paths) expect(acceptedIds(path)).toEqual(ids.toSorted())
    expect(acceptedIds('/retried')).toEqual(retried.toSorted())
  })
})
