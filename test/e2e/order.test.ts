import { describe, expect, it } from 'vitest'
import type { Arrival } from '../../scripts/receiver.ts'
import { range, Tenant, usePostern, waitFor } from './harness.ts'

const MESSAGES = 40
const KEYS = ['ada', 'bob', 'cleo', 'dan']

const shared = usePostern()

const seqOf = (arrival: Arrival): number => JSON.parse(arrival.body).data.seq
const keyOf = (arrival: Arrival): string => JSON.parse(arrival.body).data.key

// Every eighth message fails once: often enough to matter, too seldom for the breaker.
const refuseSome = (arrival: Arrival, times: number) => (seqOf(arrival) % 8 === 3 && times === 1 ? 500 : 200)

describe('order', () => {
  it('fifo: nothing overtakes a message that fails, nor one that a crash interrupted', async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'in-line')
    await tenant.endpoint(receiver, '/fifo', { ordering: 'fifo', retry_delays_s: [1, 1, 1] })
    receiver.become('/fifo', { kind: 'choosy', status: refuseSome, delay_ms: 20 })
    await crashHalfWay('/fifo', (seq) => tenant.publish({ type: 'line.moved', data: { seq } }))
    await allAccepted('/fifo')
    expectOrder(receiver.arrivals('/fifo'))
  })

  it('key: messages with one key keep their order through failures and a crash', async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'by-key')
    await tenant.endpoint(receiver, '/key', { ordering: 'key', retry_delays_s: [1, 1, 1] })
    receiver.become('/key', { kind: 'choosy', status: refuseSome, delay_ms: 20 })
    await crashHalfWay('/key', (seq) => {
      const key = KEYS[seq % KEYS.length] ?? ''
      return tenant.publish({ type: 'key.turned', data: { seq, key }, ordering_key: key })
    })
    await allAccepted('/key')
    for (const key of KEYS) expectOrder(receiver.arrivals('/key').filter((arrival) => keyOf(arrival) === key))
  })

  it('key: a key that fails holds up no other key', async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'apart')
    await tenant.endpoint(receiver, '/apart', { ordering: 'key', retry_delays_s: [2] })
    const status = (arrival: Arrival, times: number) => (keyOf(arrival) === 'ada' && times === 1 ? 500 : 200)
    receiver.become('/apart', { kind: 'choosy', status, delay_ms: 0 })
    for (const key of ['ada', 'ada', 'bob', 'cleo', 'dan']) {
      await tenant.publish({ type: 'key.turned', data: { seq: 0, key }, ordering_key: key })
    }
    await waitFor(() => receiver.accepted('/apart').length === 5, { limit_ms: 20_000, what: 'All five arrivals' })
    expect(receiver.accepted('/apart').map(keyOf).slice(-2)).toEqual(['ada', 'ada'])
  })
})

/** Publishes half of the messages, kills Postern while it delivers them, and publishes the other half. */
async function crashHalfWay(path: string, publish: (seq: number) => Promise<{ status: number }>): Promise<void> {
  const { gateway, receiver } = shared
  const half = MESSAGES / 2
  for (const seq of range(half)) expect((await publish(seq)).status).toBe(202)
  await waitFor(() => receiver.accepted(path).length >= half / 4, { limit_ms: 30_000, what: 'The first few arrivals' })
  await gateway.kill()
  expect(receiver.accepted(path).length).toBeLessThan(half)
  await gateway.restart()
  for (const seq of range(half)) expect((await publish(half + seq)).status).toBe(202)
}

async function allAccepted(path: string): Promise<void> {
  const { receiver } = shared
  await waitFor(() => new Set(receiver.accepted(path).map(seqOf)).size === MESSAGES, {
    limit_ms: 100_000,
    what: `The arrival of all messages at ${path}`,
  })
}

/** Each arrival comes only after every earlier message of its line was accepted. */
function expectOrder(arrivals: Arrival[]): void {
  const line = [...new Set(arrivals.map(seqOf))].sort((a, b) => a - b)
  const accepted = new Set<number>()
  for (const arrival of arrivals) {
    const seq = seqOf(arrival)
    expect(line.filter((earlier) => earlier < seq && !accepted.has(earlier))).toEqual([])
    if (arrival.status === 200) accepted.add(seq)
  }
  expect(accepted.size).toBe(line.length)
}
