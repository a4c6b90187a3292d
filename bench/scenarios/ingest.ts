/** How fast a source takes what its provider sends, provider by provider, against the empty route with the same requests. */
import type { Invented } from '../../scripts/samples/sampler.ts'
import { SAMPLERS } from '../../scripts/samples.ts'
import { type SignedRequest, signRequest } from '../../scripts/send/signed-request.ts'
import { waitFor } from '../../scripts/wait-for.ts'
import { PROVIDER_NAMES, type ProviderName } from '../../src/sources/providers.ts'
import { rounds } from '../measure.ts'
import { compared, type Figure } from '../report.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

/** Until V8 has compiled what a provider needs. */
const WARM_UP_EVENTS = 300
const DRAIN_LIMIT_MS = 60_000

export const ingest: Scenario = {
  name: 'ingest',
  async run(stage, settings) {
    const figures: Figure[] = []
    for (const provider of PROVIDER_NAMES) {
      const source = await Source.open(stage, provider)
      await source.take(await source.sign(WARM_UP_EVENTS))
      const measured = await rounds(settings.rounds, async () => {
        // Just before they are sent: a signature is good for minutes.
        const requests = await source.sign(settings.events)
        const written = requests.map((request) => write(request, '/empty'))
        return { empty: await stage.empty({ written }), taken: await source.take(requests) }
      })
      figures.push(
        compared(
          `taken, ${provider}`,
          '/s',
          measured.map(({ empty, taken }) => ({ value: taken.per_s, against: empty.per_s })),
        ),
        compared(
          `workerd CPU per event, delivery included, ${provider}`,
          'ms',
          measured.map(({ empty, taken }) => ({ value: taken.cpu_ms, against: empty.cpu_ms })),
        ),
      )
    }
    return { figures, notes: [`${settings.events} events a round, all different, to one endpoint`] }
  },
}

/** A source with one endpoint, in a tenant of its own. */
class Source {
  readonly #stage: Stage
  readonly #provider: ProviderName
  readonly #key: Invented
  readonly #url: string
  readonly #breaker_path: string

  private constructor(stage: Stage, provider: ProviderName, key: Invented, url: string, breaker_path: string) {
    this.#stage = stage
    this.#provider = provider
    this.#key = key
    this.#url = url
    this.#breaker_path = breaker_path
  }

  static async open(stage: Stage, provider: ProviderName): Promise<Source> {
    const tenant = await stage.tenant()
    const endpoint_id = await tenant.endpoint('*')
    const key = await SAMPLERS[provider].invent()
    const { url } = await stage.gateway.operator.post<{ url: string }>(`/v1/tenants/${tenant.id}/sources`, {
      name: provider,
      provider,
      credentials: key.credentials,
      settings: key.settings ?? {},
    })
    return new Source(stage, provider, key, url, `/v1/tenants/${tenant.id}/endpoints/${endpoint_id}/breaker`)
  }

  sign(count: number): Promise<SignedRequest[]> {
    const sampler = SAMPLERS[this.#provider]
    const [type = ''] = Object.keys(sampler.events)
    return Promise.all(Array.from({ length: count }, () => signRequest(sampler, this.#key, { type, url: this.#url })))
  }

  take(requests: SignedRequest[]) {
    const written = requests.map((request) =>
      write(request, new URL(request.url).pathname + new URL(request.url).search),
    )
    return this.#stage.take(written, () => this.#drained())
  }

  #drained(): Promise<void> {
    const { operator } = this.#stage.gateway
    const isDrained = async () => (await operator.get<{ unfinished: number }>(this.#breaker_path)).unfinished === 0
    return waitFor(isDrained, { limit_ms: DRAIN_LIMIT_MS, what: 'The end of all deliveries' }).then(() => {})
  }
}

/** A request as it goes over the wire, in latin1. */
function write({ url, headers, body }: SignedRequest, path: string): string {
  const lines = Object.entries({ host: new URL(url).host, ...headers, 'content-length': String(body.length) })
  const head = [`POST ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)].join('\r\n')
  return `${head}\r\n\r\n${Buffer.from(body).toString('latin1')}`
}
