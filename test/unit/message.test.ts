import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLossless } from '../../src/lib/json.ts'
import { type Draft, deliveredBody, identify, type Message } from '../../src/messages/message.ts'

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0, 5)
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

function draft(wanted: Partial<Draft> = {}): Draft {
  return {
    event_type: 'invoice.paid',
    content: { format: 'event', data: { amount: 250 } },
    channels: [],
    ordering_key: null,
    subject: null,
    idempotency_key: null,
    headers: {},
    event: null,
    ...wanted,
  }
}

async function message(wanted: Partial<Draft> = {}, tenant_id = 'acme', now = NOW): Promise<Message> {
  const identified = await identify(tenant_id, draft(wanted), now, random)
  if (!identified.ok) throw new Error(identified.error)
  return identified.value
}

const bodyOf = (of: Message) => new TextDecoder().decode(deliveredBody(of))

describe('the id of a message', () => {
  it('is new and holds its time when there is no idempotency key', async () => {
    const [first, second] = [await message(), await message()]
    expect(first.id).toMatch(/^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
    expect(first).toMatchObject({ accepted_at: NOW, is_keyed: false })
    expect(first.id).not.toBe(second.id)
  })

  it('follows from tenant and key alone, so that racing publishes agree', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[!-~]{1,255}$/), async (idempotency_key) => {
        const first = await message({ idempotency_key })
        const second = await message({ idempotency_key, event_type: 'order.placed' }, 'acme', NOW + 86_400_000)
        expect(first.id).toMatch(/^msg_Z[0-9A-HJKMNP-TV-Z]{25}$/)
        expect(second.id).toBe(first.id)
        expect(first.is_keyed).toBe(true)
      }),
    )
  })

  it('is another for another key or another tenant', async () => {
    const ids = await Promise.all([
      message({ idempotency_key: 'order-1' }),
      message({ idempotency_key: 'order-2' }),
      message({ idempotency_key: 'order-1' }, 'evil'),
    ])
    expect(new Set(ids.map(({ id }) => id)).size).toBe(3)
  })

  it('given as the key stands for itself: that is how a publish is repeated after a 503', async () => {
    const first = await message({}, 'acme', NOW)
    const again = await message({ idempotency_key: first.id }, 'acme', NOW + 60_000)
    expect(again).toMatchObject({ id: first.id, accepted_at: NOW, is_keyed: true, fingerprint: first.fingerprint })
  })

  it('of a keyed message given as the key stands for itself too', async () => {
    const first = await message({ idempotency_key: 'order-1' })
    const again = await message({ idempotency_key: first.id })
    expect(again).toMatchObject({ id: first.id, is_keyed: true })
  })

  it('given as the key is refused when it lies in the future, by more than clocks differ', async () => {
    const soon = await message({}, 'acme', NOW + 60_000)
    expect(await identify('acme', draft({ idempotency_key: soon.id }), NOW, random)).toMatchObject({ ok: true })
    const later = await message({}, 'acme', NOW + 60_001)
    expect(await identify('acme', draft({ idempotency_key: later.id }), NOW, random)).toEqual({
      ok: false,
      error: expect.stringContaining('future'),
    })
  })
})

describe('what came through a source', () => {
  const event = (event_id: string, source_id = 'src_1') => ({ event: { source_id, event_id } })
  const raw = (text: string) => ({
    content: { format: 'raw' as const, content_type: 'application/json', bytes: new TextEncoder().encode(text) },
  })

  it('is the same message whenever its provider sends it, however it writes it the second time', async () => {
    const first = await message({ ...event('evt_1'), ...raw('{"pending":2}') })
    const again = await message({ ...event('evt_1'), ...raw('{"pending":1}') }, 'acme', NOW + 60_000)
    expect(first).toMatchObject({ is_keyed: true, id: expect.stringMatching(/^msg_Z/) })
    expect(again).toMatchObject({ id: first.id, fingerprint: first.fingerprint })
  })

  it('is another for another event, source or tenant', async () => {
    const all = [
      await message(event('evt_1')),
      await message(event('evt_2')),
      await message(event('evt_1', 'src_2')),
      await message(event('evt_1'), 'evil'),
    ]
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  })

  it('takes ids of any length and in any characters', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (one, other) => {
        const [first, second] = [await message(event(one)), await message(event(other))]
        expect(first.id === second.id).toBe(one === other)
      }),
    )
  })
})

describe('the fingerprint of a message', () => {
  const raw = (text: string, content_type = 'text/plain'): Draft['content'] => ({
    format: 'raw',
    content_type,
    bytes: new TextEncoder().encode(text),
  })

  it('is the same for the same content, whenever it is sent', async () => {
    const [first, second] = [await message(), await message({}, 'acme', NOW + 1)]
    expect(first.fingerprint).toBe(second.fingerprint)
    expect(first.fingerprint).toMatch(/^[0-9a-f]{64}$/)
  })

  it.each([
    ['type', { event_type: 'invoice.created' }],
    ['data', { content: { format: 'event', data: { amount: 251 } } }],
    ['order of members', { content: { format: 'event', data: { b: 1, amount: 250 } } }],
    ['channels', { channels: ['eu'] }],
    ['ordering key', { ordering_key: 'cus_42' }],
    ['format', { content: raw('{"amount":250}', 'application/json') }],
  ] as [string, Partial<Draft>][])('is another for another %s', async (_what, wanted) => {
    expect((await message(wanted)).fingerprint).not.toBe((await message()).fingerprint)
  })

  it('covers the content type of a raw body', async () => {
    const [a, b] = [await message({ content: raw('x') }), await message({ content: raw('x', 'text/html') })]
    expect(a.fingerprint).not.toBe(b.fingerprint)
  })

  it('cannot be made the same by moving text from one field into the next', async () => {
    const a = await message({ ordering_key: 'a', content: raw('b\nc') })
    const b = await message({ ordering_key: 'a"]\nb', content: raw('c') })
    expect(a.fingerprint).not.toBe(b.fingerprint)
  })
})

describe('the body that receivers get', () => {
  it('is type, timestamp and data, as Standard Webhooks recommends', async () => {
    expect(bodyOf(await message())).toBe(
      '{"type":"invoice.paid","timestamp":"2026-01-01T12:00:00.005Z","data":{"amount":250}}',
    )
  })

  it('holds any data as it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (data) => {
        const body: unknown = JSON.parse(bodyOf(await message({ content: { format: 'event', data } })))
        expect(body).toEqual({
          type: 'invoice.paid',
          timestamp: '2026-01-01T12:00:00.005Z',
          data: JSON.parse(JSON.stringify(data)),
        })
      }),
    )
  })

  it('keeps numbers to the last digit', async () => {
    const data = parseLossless('{"id":12345678901234567890,"price":19.90,"tiny":1e-400}')
    expect(bodyOf(await message({ content: { format: 'event', data } }))).toContain(
      '"data":{"id":12345678901234567890,"price":19.90,"tiny":1e-400}}',
    )
  })

  it('has the time of the first acceptance when it is repeated', async () => {
    const first = await message()
    const again = await message({ idempotency_key: first.id }, 'acme', NOW + 30_000)
    expect(bodyOf(again)).toBe(bodyOf(first))
  })

  it('is a raw body as it came', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        const content = { format: 'raw', content_type: 'text/plain', bytes } as const
        expect(deliveredBody(await message({ content }))).toEqual(bytes)
      }),
    )
  })
})
