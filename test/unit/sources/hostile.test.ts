/** Whatever is sent, every provider says whether it believes it: an exception would be a way to fill the log of mistakes. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Invented } from '../../../scripts/samples/sampler.ts'
import { SAMPLERS } from '../../../scripts/samples.ts'
import type { InboundRequest, Means } from '../../../src/sources/provider.ts'
import { PROVIDER_NAMES, PROVIDERS, type ProviderName } from '../../../src/sources/providers.ts'
import { REFUSALS } from '../../../src/sources/refusal.ts'
import { givenBy, occasionOf, requestOf } from './scheme.ts'

const HOSTILE = ['', ' ', ',', '=', '.', '..', ':', '|', '{}', 'null', '__proto__', '0', '-1', '1e999', '9'.repeat(400)]

/** What a header may hold at all (Fetch, "header value"). */
const headerValue = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'grapheme-ascii', maxLength: 300 }),
  fc.string({ unit: fc.integer({ min: 0x80, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 20 }),
)

const bodyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.json().map((text) => new TextEncoder().encode(text)),
)

const means = (loaded: Uint8Array | null): Means => ({
  load: () => Promise.resolve(loaded),
  visit: () => Promise.resolve(false),
})

async function signed(name: ProviderName, invented: Invented): Promise<InboundRequest> {
  const { events, sign } = SAMPLERS[name]
  const occasion = occasionOf(Object.keys(events)[0] ?? '')
  const body = new TextEncoder().encode(events[occasion.type]?.(occasion))
  return requestOf(await sign(body, occasion, invented), body)
}

describe.each(PROVIDER_NAMES)('%s, sent by somebody hostile,', (name) => {
  const provider = PROVIDERS[name]

  async function answers(request: InboundRequest, invented: Invented, loaded: Uint8Array | null = null) {
    const given = givenBy({ provider, means: means(loaded) }, [invented])
    const verdict = await provider.verify(request, given)
    expect([true, ...REFUSALS]).toContain(verdict.ok || verdict.error)
    const { id, type } = provider.identify(request, given.settings)
    for (const said of [id, type]) expect(said === null || typeof said === 'string').toBe(true)
    await provider.greet?.(request, given)
    await provider.reply?.(request, given)
  }

  it('bears any header instead of one of its own, and none', async () => {
    const invented = await SAMPLERS[name].invent()
    const request = await signed(name, invented)
    const names = [...request.headers.keys()]
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), headerValue, async (header, value) => {
        const headers = new Headers(request.headers)
        headers.set(header, value)
        await answers({ ...request, headers }, invented)
        headers.delete(header)
        await answers({ ...request, headers }, invented)
      }),
      { numRuns: 100 },
    )
    await answers({ ...request, headers: new Headers() }, invented)
  })

  it('bears any body, any URL, and any certificate or set of keys', async () => {
    const invented = await SAMPLERS[name].invent()
    const { certificate: _, ...settings } = invented.settings ?? {}
    const request = await signed(name, invented)
    const url = fc.oneof(fc.webUrl({ withQueryParameters: true }), fc.constantFrom(...HOSTILE))
    await fc.assert(
      fc.asyncProperty(bodyBytes, bodyBytes, url, async (body, loaded, url) => {
        await answers({ ...request, body }, invented)
        await answers({ ...request, url }, invented)
        await answers(request, { ...invented, settings }, loaded)
        await answers({ ...request, method: 'GET', url, headers: new Headers(), body: new Uint8Array(0) }, invented)
      }),
      { numRuns: 100 },
    )
  })
})
