import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SAMPLERS } from '../../../scripts/samples.ts'
import type { InboundRequest, Provider } from '../../../src/sources/provider.ts'
import { PROVIDER_NAMES, PROVIDERS, type ProviderName } from '../../../src/sources/providers.ts'
import { givenBy, occasionOf, requestOf } from './scheme.ts'

const NO_MEANS = { load: () => Promise.resolve(null), visit: () => Promise.resolve(false) }

/** What somebody may have made of a request that was genuine. */
interface Harm {
  method: string
  url: string
  /** By the position of the header: what it is replaced by, or null to leave it out. */
  headers: (string | null | undefined)[]
  /** A piece of the body that is replaced: from and to as parts of its length. */
  from: number
  to: number
  piece: Uint8Array
}

const headerValue = fc.oneof(
  fc.constantFrom('', '=', 'sha256=', 'sha256=0', 'v0=', 't=,v1=', 'AAAA', '\u00ff', ', ', '{}', 'null', '-1', '1e999'),
  fc.stringMatching(/^[\x21-\x7e\x80-\xff]{0,64}$/),
  fc.base64String({ maxLength: 200 }),
)

const piece = fc.oneof(
  fc.constantFrom(
    ...['', '{', '[', '"', '\\', '[[[[', '{"":', '\u0000', 'null', '[]', '{}', '1e999', '"\\ud800"', ','].map((text) =>
      new TextEncoder().encode(text),
    ),
  ),
  fc.uint8Array({ maxLength: 32 }),
)

const harm: fc.Arbitrary<Harm> = fc.record({
  method: fc.constantFrom('POST', 'GET', 'PUT', 'HEAD'),
  url: fc.oneof(
    fc.constantFrom(
      'https://p.example/in/s?challenge=%',
      'https://p.example/in/s?validationToken=%E0%A4%A',
      'https://p.example/in/s?hub.mode=subscribe&hub.challenge=%00&hub.verify_token',
      'https://p.example/in/s??#?',
      'no url',
      '',
    ),
    fc.webUrl({ withQueryParameters: true }),
  ),
  headers: fc.array(fc.option(headerValue, { freq: 3 }), { maxLength: 12 }),
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  to: fc.double({ min: 0, max: 1, noNaN: true }),
  piece,
})

function harmed(genuine: InboundRequest, { method, url, headers: values, from, to, piece }: Harm): InboundRequest {
  const headers = new Headers()
  for (const [at, [name, value]] of [...genuine.headers].entries()) {
    const replaced = values[at]
    if (replaced !== null) headers.set(name, replaced ?? value)
  }
  const [start, end] = [from, Math.max(from, to)].map((part) => Math.floor(part * genuine.body.length))
  const body = Buffer.concat([genuine.body.subarray(0, start), piece, genuine.body.subarray(end)])
  return { method, url, headers, body: new Uint8Array(body) }
}

describe('a request that somebody has tampered with', () => {
  it.each(PROVIDER_NAMES)('is read to its end as one of %s, whatever it is', async (name: ProviderName) => {
    const provider: Provider = PROVIDERS[name]
    const sampler = SAMPLERS[name]
    const invented = await sampler.invent()
    const given = givenBy({ provider, means: NO_MEANS }, [invented])
    const genuine = await Promise.all(
      Object.entries(sampler.events).map(async ([type, write]) => {
        const occasion = occasionOf(type)
        const body = new TextEncoder().encode(write(occasion))
        return requestOf(await sampler.sign(body, occasion, invented), body)
      }),
    )
    const tampered = fc.tuple(fc.constantFrom(...genuine), harm).map(([request, done]) => harmed(request, done))
    await fc.assert(
      fc.asyncProperty(tampered, async (request) => {
        expect(await provider.verify(request, given)).toHaveProperty('ok')
        const { id, type } = provider.identify(request, given.settings)
        for (const said of [id, type]) if (said !== null) expect(said).toBeTypeOf('string')
        for (const answer of [await provider.greet?.(request, given), await provider.reply?.(request, given)])
          if (answer) expect(answer.headers?.['content-type'] ?? '').not.toContain('html')
      }),
      { numRuns: 300 },
    )
  })
})
