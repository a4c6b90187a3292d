/** Large bodies at once: an isolate has room for two of the largest, and what waits for it is not read. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createTenant, eventually, type Reply, skip, type TenantHandle, useReceivers } from './harness.ts'
import { createSource, deliver, type SourceHandle, send, signed } from './sources.ts'

const receivers = useReceivers()

const MIB = 1024 * 1024

let tenant: TenantHandle
let sources: SourceHandle[]

beforeEach(async () => {
  tenant = await createTenant()
  sources = await Promise.all(Array.from({ length: 3 }, () => createSource(tenant, 'stripe')))
})

const source = (nth: number) => sources[nth] as SourceHandle

/** R2 takes nothing before the function that this gives is called, and says of which sources it was asked. */
function holdPayloads() {
  let is_open = false
  let asked = 0
  const put = env.PAYLOADS.put.bind(env.PAYLOADS) as (key: string, value: Uint8Array) => Promise<R2Object>
  vi.spyOn(env.PAYLOADS, 'put').mockImplementation((async (key: string, value: Uint8Array) => {
    asked++
    while (!is_open) await scheduler.wait(5)
    return put(key, value)
  }) as typeof env.PAYLOADS.put)
  return {
    letGo: () => {
      is_open = true
    },
    asked: () => asked,
  }
}

const sendLarge = (nth: number, bytes = 20 * MIB) =>
  send(source(nth), {
    body: new Uint8Array(bytes).fill(0x20),
    headers: { 'content-length': String(bytes) },
  })

/** As its provider would who does not say before how large it is. */
async function sendChunked(nth: number, bytes: number): Promise<Reply> {
  const { request, body } = await signed(source(nth), { body: new Uint8Array(bytes).fill(0x20) })
  const stream = new ReadableStream({
    start(controller) {
      for (let at = 0; at < body.length; at += MIB) controller.enqueue(body.slice(at, at + MIB))
      controller.close()
    },
  })
  return deliver(new Request(request.url, { method: 'POST', headers: request.headers, body: stream }))
}

const statuses = async (replies: Promise<Reply>[]) => (await Promise.all(replies)).map(({ status }) => status)

describe('large bodies', () => {
  it.each([
    ['announced', sendLarge],
    ['not announced', sendChunked],
  ] as const)('are taken two at a time where they are %s, and small ones meanwhile', async (_how, sendOne) => {
    const payloads = holdPayloads()
    const replies = [0, 1, 2].map((nth) => sendOne(nth, 20 * MIB))
    await eventually('two to be stored', () => payloads.asked() === 2)
    expect((await send(source(0))).status).toBe(200)
    expect((await sendChunked(1, 1000)).status).toBe(200)
    expect(payloads.asked()).toBe(2)
    payloads.letGo()
    expect(await statuses(replies)).toEqual([200, 200, 200])
  })

  it('of one source take half of it, and leave room for those of others', async () => {
    const payloads = holdPayloads()
    const replies = [8 * MIB, 8 * MIB + 1, 8 * MIB + 2, 8 * MIB + 3].map((bytes) => sendLarge(0, bytes))
    await eventually('three to be stored', () => payloads.asked() === 3)
    replies.push(sendLarge(1))
    await eventually('one of another source to be stored', () => payloads.asked() === 4)
    payloads.letGo()
    expect(await statuses(replies)).toEqual([200, 200, 200, 200, 200])
  })

  it('are refused after a while, so that their provider sends them again', async () => {
    const payloads = holdPayloads()
    const first = sendLarge(0)
    await eventually('one to be stored', () => payloads.asked() === 1)
    const wait = scheduler.wait.bind(scheduler)
    vi.spyOn(scheduler, 'wait').mockImplementation(() => wait(1))
    const refused = await sendLarge(0)
    expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(refused.headers.get('retry-after')).toBe('5')
    payloads.letGo()
    expect((await first).status).toBe(200)
    expect((await sendLarge(0)).status).toBe(200)
  })

  it('wait no longer for one whose request was cut off', async () => {
    const payloads = holdPayloads()
    const cut_off = sendLarge(0)
    await eventually('one to be stored', () => payloads.asked() === 1)
    skip(61_000)
    const next = sendLarge(0)
    await eventually('the next to be stored', () => payloads.asked() === 2)
    payloads.letGo()
    expect(await statuses([cut_off, next])).toEqual([200, 200])
  })

  it('take turns on their way to a slow receiver as well, and leave some room to others', async () => {
    const slow = await tenant.endpoint({ event_types: ['stripe.unknown'], channels: ['slow'] })
    const other = await tenant.endpoint({ event_types: ['stripe.unknown'], channels: ['other'] })
    const [to_slow, to_other] = await Promise.all(
      ['slow', 'other'].map((channel) => createSource(tenant, 'stripe', { channels: [channel] })),
    )
    if (to_slow === undefined || to_other === undefined) throw new Error('two were made')
    const letGo = receivers.current.hold(slow.url)
    const large = (bytes: number) => ({ body: new Uint8Array(bytes).fill(0x20) })
    for (const bytes of [20 * MIB, 20 * MIB + 1, 20 * MIB + 2]) await send(to_slow, large(bytes))
    await eventually('one to be on its way', () => receivers.current.arrivals(slow.url).length === 1)
    await send(to_other, large(15 * MIB))
    await eventually('the other endpoint to have its own', () => receivers.current.arrivals(other.url).length === 1)
    expect(receivers.current.arrivals(slow.url)).toHaveLength(1)
    letGo()
    await eventually('all to arrive', () => receivers.current.arrivals(slow.url).length === 3)
  })

  it('leave their room also when they are forged', async () => {
    const foreign = (await createSource(tenant, 'stripe')).invented
    const forge = () => send(source(0), { body: new Uint8Array(20 * MIB), invented: foreign })
    expect(await statuses([forge(), forge(), forge()])).toEqual([401, 401, 401])
  })
})
