import { randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const tenantId = '84bd8158-6d4d-4958-8b9f-9d6445542f95'
const subscriptionId = '76222963-cc7b-42d2-882d-8aaa69cb2ba3'

/** https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks; without its `clientState` */
const change = ({ type, id, now }: Occasion) => {
  const resource = `Users/ddfcd489-628b-7d04-b48b-20075df800e5/Messages/${id}`
  const resourceData = { '@odata.type': '#Microsoft.Graph.Message', '@odata.id': resource, id }
  return JSON.stringify({
    value: [
      {
        subscriptionId,
        subscriptionExpirationDateTime: new Date(now.getTime() + 86_400_000).toISOString(),
        changeType: type,
        resource,
        resourceData,
        tenantId,
      },
    ],
  })
}

export const microsoft_graph: Sampler = {
  events: {
    created: change,
    updated: change,
    // https://learn.microsoft.com/en-us/graph/change-notifications-lifecycle-events
    reauthorizationRequired: ({ type, now }) =>
      JSON.stringify({
        value: [
          {
            subscriptionId,
            subscriptionExpirationDateTime: new Date(now.getTime() + 86_400_000).toISOString(),
            tenantId,
            lifecycleEvent: type,
          },
        ],
      }),
  },
  invent() {
    const client_state = randomBytes(32).toString('hex')
    return { signing_key: client_state, credentials: { client_state } }
  },
  sign(body, _occasion, { signing_key }) {
    const { value }: { value: Record<string, unknown>[] } = JSON.parse(Buffer.from(body).toString())
    const items = value.map((item) => ({ ...item, clientState: signing_key }))
    return {
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: Buffer.from(JSON.stringify({ value: items })),
    }
  },
}
