/** Every provider's every example, as `npm run send` signs it, through the built Worker to a receiver. */

import { describe, expect, it } from 'vitest'
import type { Client } from '../../scripts/client.ts'
import type { Arrival } from '../../scripts/receiver.ts'
import type { Invented, Sampler } from '../../scripts/samples/sampler.ts'
import { SAMPLERS } from '../../scripts/samples.ts'
import { type SignedRequest, signRequest } from '../../scripts/send/signed-request.ts'
import { type Endpoint, Tenant, usePostern, waitFor } from './harness.ts'

const ARRIVAL_LIMIT_MS = 10_000

/** They say nothing that would tell one from the next: a repeat is another. */
const LOOK_ALIKE = [
  'dropbox list_folder',
  'microsoft_graph created',
  'microsoft_graph updated',
  'microsoft_graph reauthorizationRequired',
]

/** What is answered, and is no event. */
const QUESTIONS = ['aws_sns SubscriptionConfirmation']

const BELIEVES_ANYBODY = ['none']

/** Where a subscription is confirmed, say; only the receiver is there. */
const INSTEAD_OF_NETWORK = `export default {
  fetch: (request) => (new URL(request.url).hostname === 'localhost' ? fetch(request) : new Response('as you like')),
}`

const shared = usePostern('worker_dir', { instead_of_network: INSTEAD_OF_NETWORK })

interface Source {
  id: string
  url: string
}

interface Way {
  tenant: Tenant
  endpoint: Endpoint
  source: Source
  key: Invented
}

/** From a source of this provider to a receiver, in a tenant of its own. */
async function open(provider: string, sampler: Sampler): Promise<Way> {
  const { gateway, receiver } = shared
  const tenant = await Tenant.create(gateway.operator, `send-${provider.replaceAll('_', '-')}`)
  const endpoint = await tenant.endpoint(receiver, `/${provider}`)
  const key = await sampler.invent()
  const { credentials, settings = {} } = key
  const source = await gateway.operator.post<Source>(`${tenant.path}/sources`, {
    name: provider,
    provider,
    credentials,
    settings,
  })
  return { tenant, endpoint, source, key }
}

const post = ({ url, headers, body }: SignedRequest) => fetch(url, { method: 'POST', headers, body })

/** As docs/sources.md says it. */
const eventTypeOf = (provider: string, type: string) =>
  `${provider}.${type.replaceAll(/[/:]/g, '.').replaceAll(/[^\w.-]+/g, '_')}`

const nth = (arrivals: () => Arrival[], n: number, what: string) =>
  waitFor(() => arrivals()[n], { limit_ms: ARRIVAL_LIMIT_MS, what: `The arrival of ${what}` })

async function typeOf(operator: Client, tenant: Tenant, { webhook_id }: Arrival): Promise<string> {
  return (await operator.get<{ type: string }>(`${tenant.path}/messages/${webhook_id}`)).type
}

describe.each(Object.entries<Sampler>(SAMPLERS))('the examples of %s', (provider, sampler) => {
  it('arrive once each, to the byte, and forgeries do not', async () => {
    const { gateway, receiver } = shared
    const { tenant, endpoint, source, key } = await open(provider, sampler)
    const forger: Invented = { ...(await sampler.invent()), settings: key.settings ?? {} }
    const arrivals = () => receiver.accepted(`/${provider}`)
    let expected = 0
    for (const type of Object.keys(sampler.events)) {
      const name = `${provider} ${type}`
      const request = await signRequest(sampler, key, { type, url: source.url })
      const answer = await post(request)
      expect(answer.status, `${name}: ${await answer.text()}`).toBeOneOf([200, 202, 204])
      if (!QUESTIONS.includes(name)) {
        const arrival = await nth(arrivals, expected++, name)
        expect(arrival.verified).toBe(true)
        expect(Buffer.from(arrival.body).equals(request.body), `${name}, to the byte`).toBe(true)
        expect(arrival.headers).toMatchObject({
          'content-type': request.headers['content-type'],
          'postern-source': source.id,
        })
        expect(await typeOf(gateway.operator, tenant, arrival)).toBe(eventTypeOf(provider, type))
      }
      expect((await post(request)).status, `${name}, again`).toBe(answer.status)
      if (LOOK_ALIKE.includes(name)) await nth(arrivals, expected++, `${name}, again`)
      if (BELIEVES_ANYBODY.includes(provider)) continue

      const refused = await post(await signRequest(sampler, forger, { type, url: source.url }))
      expect([refused.status, await refused.json()], `${name}, forged`).toEqual([
        401,
        expect.objectContaining({ code: 'verification_failed' }),
      ])
    }
    await endpoint.finished()
    expect(arrivals().length).toBe(expected)
  })
})
