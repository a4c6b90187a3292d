import { describe, expect, it } from 'vitest'
import { Receiver } from '../../scripts/receiver.ts'
import { type Endpoint, range, Tenant, usePostern, waitFor } from './harness.ts'

const MESSAGES = 1_000
const DRAIN_LIMIT_MS = 60_000

const shared = usePostern()

const messages = range(MESSAGES).map((seq) => ({ type: 'load.tested', data: { seq } }))

describe('1,000 messages to a well endpoint and four sick ones', () => {
  it('loses nothing, holds up nobody, and sends nothing twice', async () => {
    const { gateway, receiver } = shared
    const control_ms = await timeBesideFourWellOnes()

    const tenant = await Tenant.create(gateway.operator, 'sick-bay')
    const away = new Receiver()
    await away.up()
    const well = await tenant.endpoint(receiver, '/well')
    const failing = await tenant.endpoint(receiver, '/failing', { retry_delays_s: [1] })
    const hanging = await tenant.endpoint(receiver, '/hanging', { timeout_ms: 1_000, retry_delays_s: [1, 1, 1, 1] })
    const busy = await tenant.endpoint(receiver, '/busy', { retry_delays_s: [1, 1, 1, 1] })
    const down = await tenant.endpoint(away, '/down', { retry_delays_s: [1, 1, 1, 1] })
    receiver.become('/failing', { kind: 'failing' })
    receiver.become('/hanging', { kind: 'hanging' })
    receiver.become('/busy', { kind: 'busy', retry_after_s: 1 })
    await away.down()

    const started_at = performance.now()
    const ids = await tenant.publishMany(messages)
    await allAccepted(receiver, '/well')
    const beside_sick_ms = performance.now() - started_at
    console.info(`the well one: ${control_ms | 0} ms beside well ones, ${beside_sick_ms | 0} ms beside sick ones`)
    expect(beside_sick_ms).toBeLessThan(2 * control_ms)
    for (const path of ['/failing', '/hanging', '/busy']) expect(receiver.accepted(path)).toEqual([])

    await exhaustSome(failing, 20)
    receiver.become('/failing', { kind: 'well' })
    receiver.become('/hanging', { kind: 'well' })
    receiver.become('/busy', { kind: 'well' })
    await away.up()
    for (const endpoint of [failing, hanging, busy, down]) await endpoint.resetBreaker()
    await Promise.all([allAccepted(receiver, '/hanging'), allAccepted(receiver, '/busy'), allAccepted(away, '/down')])

    const dead = new Set<string>()
    await waitFor(
      async () => {
        for (const id of await failing.deadLetterIds()) dead.add(id)
        return receiver.accepted('/failing').length + dead.size === MESSAGES
      },
      { limit_ms: DRAIN_LIMIT_MS, what: 'The end of every delivery to the failing endpoint', interval_ms: 200 },
    )
    expect(receiver.accepted('/failing').filter((arrival) => dead.has(arrival.webhook_id))).toEqual([])
    await failing.redrive()
    await allAccepted(receiver, '/failing')
    await waitFor(async () => (await failing.deadLetterIds()).length === 0, {
      limit_ms: 10_000,
      what: 'The end of the dead letters',
    })

    for (const endpoint of [well, failing, hanging, busy, down]) await endpoint.finished()
    for (const [at, path] of [
      [receiver, '/well'],
      [receiver, '/failing'],
      [receiver, '/hanging'],
      [receiver, '/busy'],
      [away, '/down'],
    ] as const) {
      const accepted = at.accepted(path).map((arrival) => arrival.webhook_id)
      // Sorted lists, not sets: the same id twice is a failure too.
      expect(accepted.sort()).toEqual(ids.toSorted())
      expect(at.arrivals(path).every((arrival) => arrival.verified)).toBe(true)
    }
    await away.down()
  })
})

async function timeBesideFourWellOnes(): Promise<number> {
  const { gateway, receiver } = shared
  const tenant = await Tenant.create(gateway.operator, 'fit-and-well')
  const paths = range(5).map((i) => `/fit-${i}`)
  for (const path of paths) await tenant.endpoint(receiver, path)
  const started_at = performance.now()
  await tenant.publishMany(messages)
  await allAccepted(receiver, '/fit-0')
  const elapsed_ms = performance.now() - started_at
  for (const path of paths) await allAccepted(receiver, path)
  return elapsed_ms
}

async function allAccepted(receiver: Receiver, path: string): Promise<void> {
  await waitFor(() => new Set(receiver.accepted(path).map((arrival) => arrival.webhook_id)).size >= MESSAGES, {
    limit_ms: DRAIN_LIMIT_MS,
    what: `The arrival of all messages at ${path}`,
    interval_ms: 50,
  })
}

/** The breaker saves retries while it is open; a person who keeps resetting it uses them up. */
async function exhaustSome(endpoint: Endpoint, count: number): Promise<void> {
  await waitFor(
    async () => {
      if ((await endpoint.breaker()).state === 'open') await endpoint.resetBreaker()
      return (await endpoint.deadLetterIds()).length >= count
    },
    { limit_ms: DRAIN_LIMIT_MS, what: `Exhaustion of ${count} deliveries`, interval_ms: 100 },
  )
}
