import { describe, expect, it } from 'vitest'
import { attemptOnce } from './model/receiver.ts'

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length

describe('the record of an attempt', () => {
  it('keeps number, time and duration', async () => {
    const times = [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1) + 250]
    const { finished } = await attemptOnce({ number: 3, means: { now: () => times.shift() ?? Number.NaN } })
    expect(finished.record).toMatchObject({ number: 3, started_at: Date.UTC(2026, 0, 1), duration_ms: 250 })
    expect(finished.record.id).toMatch(/^att_[0-9A-HJKMNP-TV-Z]{26}$/)
  })

  it('keeps the request headers as sent, less what may be a credential', async () => {
    const { finished, received } = await attemptOnce({
      destination: {
        headers: { authorization: 'Bearer hunter2', 'x-api-key': 'hunter2', cookie: 'hunter2', 'x-region': 'eu' },
      },
      parcel: { headers: JSON.stringify({ 'x-gitlab-token': 'hunter2', 'X-Secret': 'hunter2' }) },
    })
    expect(JSON.stringify(finished.record)).not.toContain('hunter2')
    expect(finished.record.request_headers).toMatchObject({
      authorization: '[redacted]',
      'x-region': '[redacted]',
      'webhook-signature': received?.headers['webhook-signature'],
    })
  })

  it('keeps the first 4 KiB of the response body, and no more', async () => {
    const { finished } = await attemptOnce({ answer: () => new Response('x'.repeat(10_000_000)) })
    expect(finished.record.response_body).toBe('x'.repeat(4096))
  })

  it('keeps the response headers, but no cookie', async () => {
    const headers = { 'x-request-id': 'abc', 'set-cookie': 'session=hunter2' }
    const { finished } = await attemptOnce({ answer: () => new Response('ok', { headers }) })
    expect(finished.record.response_headers).toMatchObject({ 'x-request-id': 'abc' })
    expect(JSON.stringify(finished.record)).not.toContain('hunter2')
  })

  it('stays small whatever the receiver answers, so that many fit into one row', async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`x-${i}-${'n'.repeat(400)}`, 'v'.repeat(4000)]),
    )
    const own = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`x-${i}-${'n'.repeat(100)}`, 'v'.repeat(1024)]),
    )
    const { finished } = await attemptOnce({
      destination: { headers: own },
      answer: () => new Response('\u0000'.repeat(10_000), { headers: { ...headers, ...own } }),
    })
    expect(bytes(finished.record)).toBeLessThan(48 * 1024)
  })

  it('stays small whatever a transform complains about', async () => {
    const { finished } = await attemptOnce({ destination: { transform: '$error($pad("why", 1000000))' } })
    expect(finished.record.error).toBe('transform_failed')
    expect(finished.record.detail).toMatch(/^why/)
    expect(bytes(finished.record)).toBeLessThan(2000)
  })
})

describe('an attempt that sends nothing', () => {
  it.each([
    ['https://10.0.0.1/', 'the host is an address that is not public'],
    ['http://hooks.acme.com/', 'the URL must start with https://'],
    ['https://hooks.acme.com:22/', 'the port must be one of 443'],
  ])('was refused %s, which was allowed when it was saved', async (url, detail) => {
    const { finished, calls } = await attemptOnce({ destination: { url } })
    expect(calls).toBe(0)
    expect(finished.record).toMatchObject({ error: 'url_refused', detail, status: null, request_headers: {} })
    expect(finished.outcome).toMatchObject({ kind: 'failure', blames_receiver: false })
  })

  it('could not find its payload', async () => {
    const { finished, calls } = await attemptOnce({ payload: null, parcel: { r2_key: 'acme/lost' } })
    expect(calls).toBe(0)
    expect(finished.record.error).toBe('payload_missing')
    expect(finished.outcome).toMatchObject({ kind: 'failure', blames_receiver: false })
  })

  it('had no secret to sign with', async () => {
    const { finished, calls } = await attemptOnce({ secrets: [] })
    expect(calls).toBe(0)
    expect(finished.record).toMatchObject({ error: 'signing_failed', detail: 'the endpoint has no signing secret' })
  })

  it('could not open its secret, because its master key is gone', async () => {
    const ring = { current: 'new', keys: new Map(), roots: new Map() }
    const secrets = [{ secret: `whsec_${btoa('unknown'.repeat(5))}` }]
    const { finished, calls } = await attemptOnce({ secrets, means: { keyring: ring } })
    expect(calls).toBe(0)
    expect(finished.record).toMatchObject({ error: 'signing_failed', detail: expect.stringContaining('master key') })
  })

  it('never throws, whatever fails on our side', async () => {
    const loadPayload = () => Promise.reject(new Error('R2 is down'))
    for (const wanted of [
      { parcel: { r2_key: 'acme/large' }, payload: null, means: { loadPayload } },
      { parcel: { headers: 'not JSON' } },
    ]) {
      const { finished, calls } = await attemptOnce(wanted)
      expect(calls).toBe(0)
      expect(finished.record.error).toBe('interrupted')
      expect(finished.outcome).toEqual({ kind: 'interrupted' })
    }
  })
})

describe('a transform', () => {
  it.each([
    ['an object', '{"text": type & ": " & data.amount}', '{"text":"invoice.paid: 250"}'],
    ['a text, as JSON', 'type', '"invoice.paid"'],
    ['a list', '[data.amount, headers.a]', '[250,"b"]'],
    ['null', 'null', 'null'],
  ])('may give %s', async (_what, transform, body) => {
    const { received } = await attemptOnce({ destination: { transform }, parcel: { headers: '{"a":"b"}' } })
    expect(received?.text).toBe(body)
  })

  it('sees a raw body as data: parsed if it is JSON, else as text', async () => {
    const parcel = { format: 'raw', content_type: 'text/plain' } as const
    const json = await attemptOnce({ parcel, payload: '{"n":7}', destination: { transform: '{"m": data.n}' } })
    expect(json.received?.text).toBe('{"m":7}')
    const text = await attemptOnce({ parcel, payload: 'hello', destination: { transform: 'data & "!"' } })
    expect(text.received?.text).toBe('hello!')
  })

  it.each([
    ['throws', '$error("no amount")', 'no amount'],
    ['has no result', 'data.missing', 'the transform has no result'],
    ['cannot be read', 'data.amount >', ''],
    ['gives a function', 'function($x) { $x }', 'the result is a function'],
    ['never ends', '($f := function($n) { $f($n) }; $f(1))', ''],
  ])('that %s fails the attempt with a clear error', async (_what, transform, detail) => {
    const { finished, calls } = await attemptOnce({ destination: { transform } })
    expect(calls).toBe(0)
    expect(finished.record).toMatchObject({ error: 'transform_failed', detail: expect.stringContaining(detail) })
    expect(finished.outcome).toMatchObject({ kind: 'failure', blames_receiver: false })
  })
})
