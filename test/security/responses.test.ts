/** What a receiver answers is data: bounded in size and time, kept as text, and believed in nothing but its status. */
import { describe, expect, it } from 'vitest'
import { attemptOnce } from '../unit/model/receiver.ts'
import { createTenant, useReceivers } from '../worker/harness.ts'

const receivers = useReceivers()

const KEPT = 4096

/** A body that never ends, and how much of it was taken until somebody said stop. */
function endless(chunk: Uint8Array, delay_ms = 0) {
  const seen = { bytes: 0, is_cancelled: false }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (delay_ms > 0) await scheduler.wait(delay_ms)
      seen.bytes += chunk.byteLength
      if (!seen.is_cancelled) controller.enqueue(chunk)
    },
    cancel() {
      seen.is_cancelled = true
    },
  })
  return { body, seen }
}

describe('the body of an answer', () => {
  it('is cut off after 4 KiB, and its connection with it', async () => {
    const { body, seen } = endless(new Uint8Array(65_536).fill(0x78))
    const { finished } = await attemptOnce({ answer: () => new Response(body) })
    expect(finished.record.response_body).toBe('x'.repeat(KEPT))
    expect(finished.outcome).toEqual({ kind: 'success' })
    expect(seen.is_cancelled).toBe(true)
    expect(seen.bytes).toBeLessThan(10 * 65_536)
  })

  it('that drips is given up at the endpoint’s timeout, and its status stands', async () => {
    const { body, seen } = endless(new Uint8Array([0x78]), 20)
    const began_at = Date.now()
    const { finished } = await attemptOnce({ destination: { timeout_ms: 200 }, answer: () => new Response(body) })
    expect(finished.outcome).toEqual({ kind: 'success' })
    expect(finished.record.response_body).toMatch(/^x{1,50}$/)
    expect(Date.now() - began_at).toBeLessThan(5000)
    expect(seen.is_cancelled).toBe(true)
  })

  it.each([
    ['UTF-16', [0xff, 0xfe, 0x61, 0x00]],
    ['Latin-1', [0x67, 0x72, 0xf6, 0xdf, 0x65]],
    ['halves of characters', [0xe2, 0x82]],
    ['surrogates', [0xed, 0xa0, 0x80]],
    ['every byte', Array.from({ length: 256 }, (_, byte) => byte)],
    ['control characters', [0x00, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x7f]],
  ])('is kept as text, whatever it is: %s', async (_what, bytes) => {
    const { finished } = await attemptOnce({ answer: () => new Response(new Uint8Array(bytes)) })
    const text = finished.record.response_body
    expect(text.isWellFormed()).toBe(true)
    expect(text).not.toMatch(/[^\P{Cc}\t\n\r]/u)
    expect(JSON.parse(JSON.stringify(text))).toBe(text)
  })

  it('that is cut in the middle of a character is still text', async () => {
    const { finished } = await attemptOnce({ answer: () => new Response('🐈'.repeat(2000)) })
    expect(finished.record.response_body.isWellFormed()).toBe(true)
    expect(new TextEncoder().encode(finished.record.response_body).byteLength).toBeLessThanOrEqual(KEPT + 3)
  })
})

describe('the headers of an answer', () => {
  it('are kept up to a number and a size', async () => {
    const headers = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x-${i}`, 'v'.repeat(2000)]))
    const { finished } = await attemptOnce({ answer: () => new Response('', { headers }) })
    const kept = Object.entries(finished.record.response_headers)
    expect(kept.length).toBeLessThanOrEqual(64)
    expect(JSON.stringify(kept).length).toBeLessThan(10_000)
  })

  it('are kept without control characters', async () => {
    const headers = new Headers({ 'x-odd': 'a\u0001\u001b[31m\u009bb' })
    const { finished } = await attemptOnce({ answer: () => new Response('', { headers }) })
    expect(JSON.stringify(finished.record.response_headers)).not.toMatch(/[\p{Cc}]|\\u00/u)
  })

  it('poison nothing by their names', async () => {
    const headers = new Headers([
      ['__proto__', 'polluted'],
      ['constructor', 'polluted'],
      ['x-a', 'b'],
    ])
    const { finished } = await attemptOnce({ answer: () => new Response('', { headers }) })
    expect(finished.record.response_headers['x-a']).toBe('b')
    expect(Object.getPrototypeOf(finished.record.response_headers)).toBe(Object.prototype)
  })

  it('set no header of ours where they are shown', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const theirs = {
      'x-evil': '1',
      'set-cookie': 'a=b',
      'access-control-allow-origin': '*',
      'content-security-policy': "default-src 'unsafe-inline'",
      'content-type': 'text/html',
    }
    receivers.current.become(endpoint.url, () => new Response('<script>alert(1)</script>', { headers: theirs }))
    const id = await tenant.published()
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    const { headers, body } = await tenant.call('GET', `/deliveries/${id}.${endpoint.id}/attempts`)
    expect(body.data[0]).toMatchObject({
      response_body: '<script>alert(1)</script>',
      response_headers: { 'x-evil': '1' },
    })
    expect(headers.get('content-type')).toBe('application/json')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).not.toContain('unsafe')
    for (const name of ['x-evil', 'set-cookie', 'access-control-allow-origin']) expect(headers.has(name)).toBe(false)
  })
})

describe('Retry-After', () => {
  const DAY_MS = 86_400_000

  it.each([
    ['99999999999999999999999', DAY_MS],
    ['86401', DAY_MS],
    ['Fri, 31 Dec 9999 23:59:59 GMT', DAY_MS],
    ['-1', null],
    ['0', null],
    ['1e9', null],
    ['0x10', null],
    ['120, 240', null],
    ['120; x', null],
    ['Infinity', null],
    ['NaN', null],
    ['tomorrow', null],
    ['', null],
    ['Thu, 01 Jan 1970 00:00:00 GMT', null],
    ['2026-13-45T99:99:99Z', null],
    ['9'.repeat(5000), DAY_MS],
  ])('of %.40s means a wait of %s ms at most', async (header, retry_after_ms) => {
    const headers = { 'retry-after': header }
    const { finished } = await attemptOnce({ answer: () => new Response('', { status: 503, headers }) })
    expect(finished.outcome).toMatchObject({ kind: 'failure', retry_after_ms })
  })
})

describe('a request for an answer', () => {
  it('asks for one that is not packed', async () => {
    const { received } = await attemptOnce({ destination: { headers: { 'accept-encoding': 'gzip' } } })
    expect(received?.headers['accept-encoding']).toBe('identity')
  })
})

describe('the error of a connection', () => {
  it.each([
    ['is long', 'x'.repeat(100_000)],
    ['has half a character', '\ud83d'],
    ['has markup', '<script>alert(1)</script>'],
  ])('is kept as a short text when it %s', async (_what, message) => {
    const answer = () => Promise.reject(new Error(message))
    const { finished } = await attemptOnce({ answer })
    expect(finished.record.error).toBe('connection_failed')
    expect(finished.record.detail?.length).toBeLessThanOrEqual(500)
  })
})
