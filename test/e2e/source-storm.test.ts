/** A provider that sends everything again and again, as providers do when they were not answered in time. */
import { describe, expect, it } from 'vitest'
import { SAMPLERS } from '../../scripts/samples.ts'
import { range, Tenant, usePostern, waitFor } from './harness.ts'

// `npm run test:storm` makes it 1,000 repeats of each.
const REPEATS = Number(process.env.POSTERN_STORM_REPEATS ?? 50)
const EVENTS = 100
const CONNECTIONS = 32

const shared = usePostern()
const { invent, sign } = SAMPLERS.stripe

/** Sends each of the events so often, many at once, until each sending was answered 2xx. */
async function storm(tenant: Tenant, repeats: number, disturb: (sent: number) => void = () => {}) {
  const { gateway } = shared
  const invented = await invent()
  const { credentials } = invented
  const body = { name: 'storm', provider: 'stripe', credentials }
  const { id } = await gateway.operator.post<{ id: string }>(`${tenant.path}/sources`, body)
  const bodies = range(EVENTS).map((n) => new TextEncoder().encode(JSON.stringify({ id: `evt_${n}`, type: 'a.b' })))
  const message_ids = new Set<string>()
  let sent = 0
  let answered_first = 0
  const send = async (event: Uint8Array): Promise<boolean> => {
    const url = `${gateway.url}/in/${id}`
    const { headers } = await sign(event, { type: 'a.b', id: '', now: new Date(), url }, invented)
    const answered = await fetch(url, { method: 'POST', headers, body: event })
      .then(async (response) => ({ status: response.status, text: await response.text() }))
      .catch(() => null)
    if (answered === null || answered.status >= 500) return false
    expect(answered.status, answered.text).toBe(200)
    const answer = JSON.parse(answered.text) as { message_id: string; duplicate: boolean }
    message_ids.add(answer.message_id)
    if (!answer.duplicate) answered_first++
    return true
  }
  const provider = async () => {
    for (let n = sent++; n < EVENTS * repeats; n = sent++) {
      const event = bodies[(n * 37) % EVENTS]
      if (event === undefined) throw new Error('37 and 100 have no divisor in common')
      disturb(n)
      await waitFor(() => send(event), { limit_ms: 60_000, what: `A 2xx for sending ${n}`, interval_ms: 50 })
    }
  }
  await Promise.all(range(CONNECTIONS).map(provider))
  return { message_ids, answered_first }
}

describe('a provider’s retry storm', () => {
  it(`of ${REPEATS} repeats of ${EVENTS} events delivers ${EVENTS}`, { timeout: 600_000 }, async () => {
    const tenant = await Tenant.create(shared.gateway.operator, 'storm')
    const endpoint = await tenant.endpoint(shared.receiver, '/storm')
    const { message_ids, answered_first } = await storm(tenant, REPEATS)
    await endpoint.finished()
    const arrived = shared.receiver.arrivals('/storm')
    expect(arrived).toHaveLength(EVENTS)
    expect(new Set(arrived.map(({ webhook_id }) => webhook_id))).toEqual(message_ids)
    expect(arrived.filter(({ verified }) => !verified)).toEqual([])
    expect(answered_first, 'told that they are new').toBe(EVENTS)
  })

  it('loses nothing and adds nothing when the gateway is killed in the middle of it', async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'killed-storm')
    const endpoint = await tenant.endpoint(receiver, '/killed')
    let killing: Promise<void> | undefined
    const { message_ids } = await storm(tenant, 20, (n) => {
      if (n !== EVENTS) return
      killing = gateway.kill().then(() => gateway.restart())
    })
    await killing
    expect(killing).toBeDefined()
    await endpoint.finished()
    expect(message_ids.size).toBe(EVENTS)
    expect(new Set(receiver.accepted('/killed').map(({ webhook_id }) => webhook_id))).toEqual(message_ids)
  })
})
