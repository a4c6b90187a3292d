/**
 * What every provider's scheme has to stand, in both directions: what something that we did not write has signed is
 * believed here, and what `npm run send` signs is believed there.
 */
import { isUtf8 } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import type { Invented, Occasion, Sampler, Signed } from '../../../scripts/samples/sampler.ts'
import type { Given, InboundRequest, Provider } from '../../../src/sources/provider.ts'
import type { Refusal, Verdict } from '../../../src/sources/refusal.ts'

export interface Scheme {
  provider: Provider
  sampler: Sampler
  /**
   * Signs as the provider does, by its own package or by the words of its documentation. Left out when there is neither:
   * then docs/sources.md says so, and our own sampler signs.
   */
  sign?: Sampler['sign']
  /** What the package signs; our own sampler, which it has checked, signs what is no text where it takes only that. */
  signs: 'text' | 'bytes'
  /** Whether the provider's own package believes this request. Throwing is not believing. */
  believes?: (request: InboundRequest, invented: Invented, now: Date) => unknown
  /** Headers without which nothing is believed, and which may not be there twice. */
  signature_headers: readonly string[]
  /** Whether what is signed says when. */
  is_timed: boolean
  /**
   * Whether the body is part of what is signed: a mere token says nothing about it. `in_part` where what proves it is inside
   * of the body: then it is not any other, but what changes unnoticed is for the provider's own tests.
   */
  covers_body: boolean | 'in_part'
  /** Whether a body may be anything: false where the signature is inside of it. */
  takes_any_body?: boolean
  means?: Given<unknown, unknown>['means']
}

const NOW = new Date('2026-11-24T12:00:00Z')
const TOLERANCE_MS = 300_000
const URL = 'https://postern.example/in/src_01JD9Z6Q3V8M4T2K7N5B1C0XYE'
const MIB = 1024 * 1024

const NO_MEANS: Given<unknown, unknown>['means'] = {
  load: () => Promise.reject(new Error('this scheme loads nothing')),
  visit: () => Promise.reject(new Error('this scheme visits nothing')),
}

let occasions = 0

export function occasionOf(type: string, more: Partial<Occasion> = {}): Occasion {
  return { type, id: `00000000-0000-4000-8000-${String(++occasions).padStart(12, '0')}`, now: NOW, url: URL, ...more }
}

export function requestOf({ headers, body: own }: Signed, body: Uint8Array, url = URL): InboundRequest {
  return { method: 'POST', url, headers: new Headers(headers), body: own ?? body }
}

/** What a source with these credentials, and others that overlap, would be given at this time. */
export function givenBy(
  { provider, means = NO_MEANS }: Pick<Scheme, 'provider' | 'means'>,
  invented: readonly Invented[],
  now = NOW,
): Given<unknown, unknown> {
  return {
    credentials: invented.map(({ credentials }) => provider.credentials.parse(credentials)),
    settings: provider.settings.parse(invented[0]?.settings ?? {}),
    now: now.getTime(),
    tolerance_ms: TOLERANCE_MS,
    means,
  }
}

export function describeScheme(name: string, scheme: Scheme): void {
  const { provider, sampler, believes, covers_body, takes_any_body = true } = scheme
  const sign: Sampler['sign'] = (body, ...more) => {
    const is_for_us = scheme.sign === undefined || (scheme.signs === 'text' && (body.length === 0 || !isUtf8(body)))
    return (is_for_us ? sampler.sign : (scheme.sign ?? sampler.sign))(body, ...more)
  }
  const [first_type = ''] = Object.keys(sampler.events)
  const bodyOf = (occasion: Occasion) => new TextEncoder().encode(sampler.events[occasion.type]?.(occasion) ?? '')

  async function signedRequest(invented: Invented, more: { body?: Uint8Array; now?: Date } = {}) {
    const occasion = occasionOf(first_type, more.now ? { now: more.now } : {})
    const body = more.body ?? bodyOf(occasion)
    return requestOf(await sign(body, occasion, invented), body)
  }

  async function verify(request: InboundRequest, ...invented: Invented[]): Promise<Verdict> {
    return provider.verify(request, givenBy(scheme, invented))
  }

  const refused = (...reasons: Refusal[]) => ({ ok: false, error: expect.toBeOneOf(reasons) })

  describe(`the scheme of ${name}`, () => {
    it('believes what the provider signs', async () => {
      const invented = await sampler.invent()
      expect(await verify(await signedRequest(invented), invented)).toEqual({ ok: true })
    })

    it.each(Object.keys(sampler.events))('%s of `npm run send` is believed, and says what it is', async (type) => {
      const invented = await sampler.invent()
      const occasion = occasionOf(type)
      const body = bodyOf(occasion)
      const request = requestOf(await sampler.sign(body, occasion, invented), body)
      if (believes) expect(await believes(request, invented, NOW), 'by the provider’s own package').not.toBe(false)
      expect(await verify(request, invented), 'by Postern').toEqual({ ok: true })
      const identity = provider.identify(request, givenBy(scheme, [invented]).settings)
      expect(identity).toEqual(provider.identify(request, givenBy(scheme, [invented]).settings))
      expect(identity.type).toBe(type)
    })

    it('believes any of the credentials that overlap', async () => {
      const [old, current] = [await sampler.invent(), await sampler.invent()]
      expect(await verify(await signedRequest(current), current, old)).toEqual({ ok: true })
      if (JSON.stringify(old.credentials) !== '{}')
        expect(await verify(await signedRequest(old), { ...old, credentials: current.credentials }, old)).toEqual({
          ok: true,
        })
    })

    it('refuses what another key has signed', async () => {
      const [own, foreign] = [await sampler.invent(), await sampler.invent()]
      const verdict = await verify(await signedRequest(foreign), own)
      expect(verdict.ok).toBe(false)
      if (believes) {
        const request = await signedRequest(foreign)
        const by_provider = Promise.resolve().then(() => believes(request, own, NOW))
        expect(await by_provider.catch(() => false), 'by the provider’s own package').toBe(false)
      }
    })

    it(covers_body ? 'refuses another body' : 'takes any body with the right token: nothing signs it', async () => {
      const invented = await sampler.invent()
      const request = await signedRequest(invented)
      const verdict = await verify({ ...request, body: new TextEncoder().encode('{"id":"other"}') }, invented)
      expect(verdict.ok).toBe(covers_body === false)
    })

    const flips = covers_body === true ? it : null
    flips?.('refuses a body of which one bit was flipped, wherever it is', async () => {
      const invented = await sampler.invent()
      const request = await signedRequest(invented)
      const { length } = request.body
      const places = [...new Set([0, 1, Math.floor(length / 3), Math.floor(length / 2), length - 2, length - 1])]
      for (const at of places) {
        const body = request.body.slice()
        body[at] = (body[at] ?? 0) ^ 1
        const verdict = await verify({ ...request, body }, invented)
        expect(verdict.ok, `byte ${at} of ${length}`).toBe(false)
      }
    })

    describe.each(scheme.signature_headers)('the header %s', (header) => {
      it('has to be there', async () => {
        const invented = await sampler.invent()
        const request = await signedRequest(invented)
        expect(request.headers.has(header)).toBe(true)
        request.headers.delete(header)
        expect((await verify(request, invented)).ok).toBe(false)
        const empty = await signedRequest(invented)
        empty.headers.set(header, '')
        expect((await verify(empty, invented)).ok).toBe(false)
      })

      it('may not be there twice', async () => {
        const invented = await sampler.invent()
        const request = await signedRequest(invented)
        request.headers.append(header, request.headers.get(header) ?? '')
        expect(await verify(request, invented)).toEqual(
          refused('duplicate_header', 'malformed_signature', 'malformed_timestamp', 'wrong_credentials'),
        )
        const other = await signedRequest(invented)
        other.headers.append(header, 'x')
        expect((await verify(other, invented)).ok).toBe(false)
      })

      it('is refused with one character changed, wherever it is, and when it is cut off', async () => {
        const invented = await sampler.invent()
        const value = (await signedRequest(invented)).headers.get(header) ?? ''
        const places = [0, Math.floor(value.length / 2), value.length - 4]
        const changed = places.map(
          (at) => `${value.slice(0, at)}${value[at] === 'a' ? 'b' : 'a'}${value.slice(at + 1)}`,
        )
        for (const wrong of [...changed, value.slice(0, -3), 'x', '=', ',', '{}', '%', ';'.repeat(8000)]) {
          const request = await signedRequest(invented)
          request.headers.set(header, wrong)
          expect((await verify(request, invented)).ok, `${header}: ${wrong.slice(0, 80)}`).toBe(false)
        }
      })
    })

    const timed = scheme.is_timed ? it : null
    timed?.('refuses what was signed too long ago, or will be', async () => {
      const invented = await sampler.invent()
      const at = (ms: number) => signedRequest(invented, { now: new Date(NOW.getTime() + ms) })
      expect(await verify(await at(-TOLERANCE_MS - 1000), invented)).toEqual(refused('timestamp_too_old'))
      expect(await verify(await at(TOLERANCE_MS + 1000), invented)).toEqual(refused('timestamp_in_future'))
      expect(await verify(await at(-TOLERANCE_MS + 1000), invented)).toEqual({ ok: true })
      expect(await verify(await at(TOLERANCE_MS - 1000), invented)).toEqual({ ok: true })
    })

    const odd_bodies: [string, Uint8Array][] = [
      ['an empty body', new Uint8Array(0)],
      ['a body that is not UTF-8', Uint8Array.of(0xff, 0xfe, 0x00, 0xc3, 0x28, 0x80)],
      ['a body beyond ASCII', new TextEncoder().encode('{"id": "evt_1", "name": "Zoë 🦊 \u2028"}')],
      ['JSON that breaks off', new TextEncoder().encode('{"id": "evt_1", "type": ["')],
      ['a body of 25 MiB', new Uint8Array(25 * MIB).fill(0x61)],
    ]
    it.each(odd_bodies)('%s is believed when it is signed, and only then', async (_what, body) => {
      const invented = await sampler.invent()
      if (!takes_any_body) {
        const verdict = await verify(
          { method: 'POST', url: URL, headers: (await signedRequest(invented)).headers, body },
          invented,
        )
        expect(verdict.ok).toBe(false)
        return
      }
      const request = await signedRequest(invented, { body })
      expect(await verify(request, invented)).toEqual({ ok: true })
      expect(() => provider.identify(request, givenBy(scheme, [invented]).settings)).not.toThrow()
      if (!covers_body) return
      const longer = new Uint8Array(body.length + 1)
      longer.set(body)
      expect((await verify({ ...request, body: longer }, invented)).ok).toBe(false)
    })
  })
}
