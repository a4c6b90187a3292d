import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { describe, expect, it } from 'vitest'
import { VERSION } from '../../src/version.ts'
import { attemptOnce, BODY, hang, MESSAGE_ID, SECRET } from './model/receiver.ts'

const other = (letter: string) => `whsec_${btoa(letter.repeat(32))}`

describe('what a receiver gets', () => {
  it('is a POST with the body byte for byte', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const { received } = await attemptOnce({ payload: bytes, parcel: { format: 'raw', content_type: 'image/png' } })
    expect(received).toMatchObject({ method: 'POST', url: 'https://hooks.acme.com/postern' })
    expect(received?.body).toEqual(bytes)
    expect(received?.headers['content-type']).toBe('image/png')
  })

  it('names the message, the time, the attempt and Postern', async () => {
    const { received } = await attemptOnce({ number: 4, means: { now: () => Date.UTC(2026, 0, 1, 0, 0, 7, 999) } })
    expect(received?.headers).toEqual({
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      'user-agent': `Postern/${VERSION}`,
      'webhook-id': MESSAGE_ID,
      'webhook-timestamp': String(Date.UTC(2026, 0, 1, 0, 0, 7) / 1000),
      'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
      'postern-attempt': '4',
    })
  })

  it("has the endpoint's own headers and those to forward, but nothing in place of Postern's", async () => {
    const { received } = await attemptOnce({
      destination: { headers: { authorization: 'Bearer 1', 'webhook-id': 'forged', 'x-both': 'own' } },
      parcel: { headers: JSON.stringify({ 'x-github-event': 'push', 'postern-attempt': '99', 'x-both': 'theirs' }) },
    })
    expect(received?.headers).toMatchObject({
      authorization: 'Bearer 1',
      'x-github-event': 'push',
      'x-both': 'own',
      'webhook-id': MESSAGE_ID,
      'postern-attempt': '1',
    })
  })

  it('comes from R2 when it is too large for the row', async () => {
    const loadPayload = async (r2_key: string) => new TextEncoder().encode(`{"from":"${r2_key}"}`)
    const { received } = await attemptOnce({ payload: null, parcel: { r2_key: 'acme/large' }, means: { loadPayload } })
    expect(received?.text).toBe('{"from":"acme/large"}')
  })
})

describe.each([
  ['standardwebhooks', StandardWebhook],
  ['svix', SvixWebhook],
] as const)('the signature, checked by the package %s', (_name, Webhook) => {
  it('holds', async () => {
    const { received } = await attemptOnce()
    expect(() => new Webhook(SECRET).verify(received?.text ?? '', received?.headers ?? {})).not.toThrow()
    expect(() => new Webhook(other('x')).verify(received?.text ?? '', received?.headers ?? {})).toThrow()
  })

  it('holds over the transformed body', async () => {
    const { received } = await attemptOnce({ destination: { transform: '{"sum": data.amount}' } })
    expect(received?.text).toBe('{"sum":250}')
    expect(() => new Webhook(SECRET).verify(received?.text ?? '', received?.headers ?? {})).not.toThrow()
  })

  it('holds for both secrets until the overlap ends, then for the new one alone', async () => {
    const secrets = [{ secret: SECRET }, { secret: other('o'), expires_at: Date.now() + 60_000 }]
    const during = await attemptOnce({ secrets })
    for (const { secret } of secrets) {
      expect(() => new Webhook(secret).verify(BODY, during.received?.headers ?? {})).not.toThrow()
    }
    const after = await attemptOnce({ secrets: [{ secret: SECRET }, { secret: other('o'), expires_at: Date.now() }] })
    expect(() => new Webhook(SECRET).verify(BODY, after.received?.headers ?? {})).not.toThrow()
    expect(() => new Webhook(other('o')).verify(BODY, after.received?.headers ?? {})).toThrow()
  })
})

describe('an answer', () => {
  it.each([200, 201, 202, 204, 299])('of %i is success', async (status) => {
    const { finished } = await attemptOnce({ answer: () => new Response(null, { status }) })
    expect(finished.outcome).toEqual({ kind: 'success' })
    expect(finished.record).toMatchObject({ status, error: null, detail: null })
  })

  it.each([301, 302, 303, 307, 308])('of %i is a failure, and is not followed', async (status) => {
    const headers = { location: 'https://169.254.169.254/' }
    const { finished, received, calls } = await attemptOnce({ answer: () => new Response(null, { status, headers }) })
    expect(received?.redirect).toBe('manual')
    expect(calls).toBe(1)
    expect(finished.outcome).toMatchObject({ kind: 'failure', blames_receiver: true })
    expect(finished.record).toMatchObject({ status, error: 'redirect', response_headers: headers })
  })

  it('of 410 says that the receiver is gone', async () => {
    const { finished } = await attemptOnce({ answer: () => new Response(null, { status: 410 }) })
    expect(finished.outcome).toMatchObject({ kind: 'failure', is_gone: true })
    expect(finished.record.error).toBe('gone')
  })

  it.each([
    [429, 120_000],
    [503, 120_000],
    [500, null],
  ])('of %i with Retry-After asks for a wait of %s ms', async (status, retry_after_ms) => {
    const headers = { 'retry-after': '120' }
    const { finished } = await attemptOnce({ answer: () => new Response(null, { status, headers }) })
    expect(finished.outcome).toMatchObject({ kind: 'failure', retry_after_ms })
  })

  it('that does not come in time is a timeout', async () => {
    const { finished } = await attemptOnce({ destination: { timeout_ms: 20 }, answer: hang })
    expect(finished.record).toMatchObject({ status: null, error: 'timeout', detail: 'no answer within 20 ms' })
    expect(finished.outcome).toMatchObject({ kind: 'failure', blames_receiver: true })
  })

  it('that cannot come is a failed connection', async () => {
    const answer = () => Promise.reject(new TypeError('connection refused'))
    const { finished } = await attemptOnce({ answer })
    expect(finished.record).toMatchObject({ status: null, error: 'connection_failed', detail: 'connection refused' })
    expect(finished.outcome).toMatchObject({ kind: 'failure', blames_receiver: true })
  })

  it('decides by its status, though its body breaks off', async () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('so far')),
      pull: (controller) => controller.error(new Error('reset by peer')),
    })
    const { finished } = await attemptOnce({ answer: () => new Response(body) })
    expect(finished.outcome).toEqual({ kind: 'success' })
  })

  it('decides by its status, though its body never ends', async () => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('so far')) })
    const { finished } = await attemptOnce({ destination: { timeout_ms: 30 }, answer: () => new Response(body) })
    expect(finished.outcome).toEqual({ kind: 'success' })
    expect(finished.record.response_body).toBe('so far')
  })
})

describe('a request that no client would send', () => {
  it.each([
    ['the content type has a line break', { parcel: { content_type: 'text/plain\n;charset=utf-8' } }],
    ['the content type has a NUL', { parcel: { content_type: 'text/\0plain' } }],
    ['a header of the endpoint has a line break', { destination: { headers: { 'x-team': 'billing\r\nx-admin: 1' } } }],
    ['a header of the endpoint has no name that is one', { destination: { headers: { 'x team': 'billing' } } }],
    ['a forwarded header is no text of Latin-1', { parcel: { headers: JSON.stringify({ 'x-name': 'Łódź' }) } }],
  ])('is not made, and the receiver is not to blame: %s', async (_what, wanted) => {
    const { finished, calls } = await attemptOnce(wanted)
    expect(calls).toBe(0)
    expect(finished.record).toMatchObject({
      status: null,
      error: 'invalid_request',
      detail: expect.stringMatching(/\S/),
    })
    expect(finished.outcome).toEqual({ kind: 'failure', retry_after_ms: null, is_gone: false, blames_receiver: false })
  })
})
