/** Bodies that stop, break off or never end. With real sockets: test/e2e/broken-bodies.test.ts. */
import { exports } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type BodyLimits, readBody } from '../../src/http/read-body.ts'
import { createTenant } from '../worker/harness.ts'

const SOON: BodyLimits = { bytes_max: 1000, ms_max: 50 }

function post(body: ReadableStream<Uint8Array> | Uint8Array | null, headers: Record<string, string> = {}): Request {
  return new Request('https://postern.test/', { method: 'POST', body, headers })
}

/** Says this much and then nothing, for ever. */
function stopping(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(text)) })
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a body', () => {
  it('that stops is given up', async () => {
    expect(await readBody(post(stopping('{')), SOON)).toEqual({ ok: false, error: 'too_slow' })
  })

  it('that drips is given up, though something always comes', async () => {
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await scheduler.wait(5)
        controller.enqueue(new Uint8Array([0x20]))
      },
    })
    expect(await readBody(post(body), SOON)).toEqual({ ok: false, error: 'too_slow' })
  })

  it('that breaks off is incomplete', async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array([0x7b])),
      pull: (controller) => controller.error(new Error('Network connection lost.')),
    })
    expect(await readBody(post(body), SOON)).toEqual({ ok: false, error: 'broken' })
  })

  it('that never ends is refused at the limit, and its sender told to stop', async () => {
    let is_cancelled = false
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(300)),
      cancel() {
        is_cancelled = true
      },
    })
    expect(await readBody(post(body), SOON)).toEqual({ ok: false, error: 'too_large' })
    expect(is_cancelled).toBe(true)
  })

  it('that says it is too long is not read at all', async () => {
    const body = post(stopping('x'), { 'content-length': '1001' })
    expect(await readBody(body, SOON)).toEqual({ ok: false, error: 'too_large' })
    expect(body.bodyUsed).toBe(false)
  })

  it('may have exactly as much as the limit, in any number of pieces', async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let i = 0; i < 1000; i++) controller.enqueue(new Uint8Array([i & 255]))
        controller.close()
      },
    })
    const read = await readBody(post(body), SOON)
    expect(read).toEqual({ ok: true, value: Uint8Array.from({ length: 1000 }, (_, i) => i & 255) })
  })

  it('that is not there is empty', async () => {
    expect(await readBody(post(null), SOON)).toEqual({ ok: true, value: new Uint8Array(0) })
  })

  it('leaves no clock ticking', async () => {
    const started = vi.spyOn(globalThis, 'setTimeout')
    const stopped = vi.spyOn(globalThis, 'clearTimeout')
    await readBody(post(new Uint8Array([1])), { bytes_max: 1000, ms_max: 60_000 })
    expect(stopped).toHaveBeenCalledTimes(started.mock.calls.length)
  })
})

describe('a publisher who stops in the middle of a body', () => {
  it('is answered 408 after half a minute', async () => {
    const tenant = await createTenant()
    const key = await tenant.key('publisher')
    const wait = globalThis.setTimeout
    const limits: (number | undefined)[] = []
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((callback: () => void, ms?: number) => {
      limits.push(ms)
      return wait(callback, ms === 30_000 ? 20 : ms)
    }) as typeof setTimeout)
    const response = await exports.default.fetch(`https://postern.test${tenant.path}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: stopping('{"type":"a.b","data":'),
    })
    expect(response.status).toBe(408)
    expect(await response.json()).toMatchObject({ code: 'request_timeout', request_id: expect.any(String) })
    expect(limits).toContain(30_000)
  })
})
