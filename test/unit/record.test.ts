import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  readCapped,
  responseHeaders,
  shownRequestHeaders,
  withoutValues,
} from '../../durable-objects/endpoint/record.ts'

const never = new AbortController().signal
const utf8 = (text: string) => new TextEncoder().encode(text)

/** A body that arrives in these pieces and then ends, breaks off, or neither. */
function bodyOf(pieces: Uint8Array[], then: 'ends' | 'breaks off' | 'hangs' = 'ends') {
  const rest = [...pieces]
  const seen = { cancelled: false, pulled: 0 }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = rest.shift()
        seen.pulled++
        if (piece !== undefined) controller.enqueue(piece)
        else if (then === 'ends') controller.close()
        else if (then === 'breaks off') controller.error(new Error('reset by peer'))
        else return new Promise(() => {})
      },
      cancel() {
        seen.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, seen }
}

describe('a response body', () => {
  it('is kept whole when it is short', async () => {
    expect(await readCapped(bodyOf([utf8('so '), utf8('it is')]).stream, 100, never)).toBe('so it is')
    expect(await readCapped(null, 100, never)).toBe('')
    expect(await readCapped(bodyOf([]).stream, 100, never)).toBe('')
  })

  it('is cut where the room ends, however it arrives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.stringMatching(/^[a-z]{0,20}$/)), fc.nat(60), async (pieces, bytes_max) => {
        const { stream } = bodyOf(pieces.map(utf8))
        expect(await readCapped(stream, bytes_max, never)).toBe(pieces.join('').slice(0, bytes_max))
      }),
    )
  })

  it('is not read further than it is kept', async () => {
    const { stream, seen } = bodyOf(Array.from({ length: 1000 }, () => utf8('x'.repeat(100))))
    await readCapped(stream, 1000, never)
    expect(seen).toEqual({ cancelled: true, pulled: 10 })
  })

  it('is kept as far as it came when it breaks off', async () => {
    expect(await readCapped(bodyOf([utf8('so far')], 'breaks off').stream, 100, never)).toBe('so far')
  })

  it('is kept as far as it came when it never ends and the time is over', async () => {
    const time = new AbortController()
    const { stream, seen } = bodyOf([utf8('so far')], 'hangs')
    const reading = readCapped(stream, 100, time.signal)
    await expect.poll(() => seen.pulled).toBe(2)
    time.abort()
    expect(await reading).toBe('so far')
    expect(seen.cancelled).toBe(true)
  })

  it('is given up when the time was over before it began', async () => {
    expect(await readCapped(bodyOf([], 'hangs').stream, 100, AbortSignal.abort())).toBe('')
  })

  it('may have a character across two pieces, and half a one at the end', async () => {
    const euro = utf8('€')
    expect(await readCapped(bodyOf([euro.slice(0, 1), euro.slice(1)]).stream, 100, never)).toBe('€')
    expect(await readCapped(bodyOf([utf8('a€')]).stream, 2, never)).toBe('a\ufffd')
  })

  it('that is not text takes no more room than three times its bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        const text = await readCapped(bodyOf([bytes]).stream, 4096, never)
        expect(utf8(JSON.stringify(text)).length).toBeLessThanOrEqual(3 * bytes.length + 2)
      }),
    )
  })

  it('keeps its line breaks and tabs', async () => {
    expect(await readCapped(bodyOf([utf8('a\r\n\tb')]).stream, 100, never)).toBe('a\r\n\tb')
  })
})

describe('request headers as shown', () => {
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'x-api-key',
    'x-auth',
    'x-gitlab-token',
    'cookie',
    'x-client-secret',
    'x-password',
    'x-amz-credential',
  ])('mask %s', (name) => {
    expect(shownRequestHeaders({ [name]: 'hunter2' }, {})).toEqual({ [name]: '[redacted]' })
  })

  it('show what tells a delivery from another', () => {
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Postern/1',
      'webhook-id': 'msg_1',
      'webhook-timestamp': '1',
      'webhook-signature': 'v1,abc',
      'postern-attempt': '2',
      'x-github-event': 'push',
    }
    expect(shownRequestHeaders(headers, {})).toEqual(headers)
  })

  it('mask all of the endpoint’s own, whatever they are called', () => {
    const own = { 'x-acme-pin': '1234' }
    expect(shownRequestHeaders({ ...own, 'x-github-event': 'push' }, own)).toEqual({
      'x-acme-pin': '[redacted]',
      'x-github-event': 'push',
    })
  })
})

describe('what a receiver says', () => {
  const OWN = 'Bearer s3cret-s3cret'

  it('is kept without the values of the endpoint’s own headers, however often it says them', () => {
    expect(withoutValues(`a ${OWN} b "${OWN}"`, ['other value', OWN])).toBe('a [redacted] b "[redacted]"')
  })

  it('is kept without the beginning of one where it was cut off', () => {
    for (let length = 8; length < OWN.length; length++) {
      expect(withoutValues(`you sent ${OWN.slice(0, length)}`, [OWN])).toBe('you sent [redacted]')
    }
  })

  it('stays as it is where a value is too short to be a credential', () => {
    expect(withoutValues('billing in 1 s', ['1', 'billing'])).toBe('billing in 1 s')
  })
})

describe('response headers as kept', () => {
  it('are all, less cookies', () => {
    const headers = new Headers({ 'Content-Type': 'text/plain', 'X-Request-Id': 'abc' })
    headers.append('set-cookie', 'session=1')
    headers.append('set-cookie', 'session=2')
    expect(responseHeaders(headers)).toEqual({ 'content-type': 'text/plain', 'x-request-id': 'abc' })
  })

  it('are cut to a sane number and length', () => {
    const many = new Headers(Array.from({ length: 500 }, (_, i) => [`x-${i}`, 'v'] as [string, string]))
    expect(Object.keys(responseHeaders(many)).length).toBeLessThanOrEqual(64)
    expect(responseHeaders(new Headers({ a: 'v'.repeat(9000) }))).toEqual({ a: 'v'.repeat(512) })
    expect(responseHeaders(new Headers({ ['n'.repeat(9000)]: 'v' }))).toEqual({})
  })

  it('leave out one that is too large, and keep those after it', () => {
    const headers = new Headers({ ['a'.repeat(500)]: 'v', 'x-request-id': 'abc' })
    expect(responseHeaders(headers)).toEqual({ 'x-request-id': 'abc' })
  })
})
