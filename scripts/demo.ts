/** The demo of `npm start`: a tenant with a key and an endpoint, made once and through the real API. */

import { Client, type CreatedEndpoint, type EndpointView, type Published, UnexpectedAnswer } from './client.ts'
import type { Arrival, Receiver } from './receiver.ts'
import type { DemoState } from './state.ts'
import { waitFor } from './wait-for.ts'

export const TENANT = '/v1/tenants/demo'
const PATH = '/demo'
const DESCRIPTION = 'The receiver that comes with npm start'

export interface Demo {
  state: DemoState
  /** False when all of it was there already. */
  created: boolean
  /** With the demo tenant's own key. */
  client: Client
}

/**
 * Makes whatever part of the demo is missing, keeps the rest, and points it at the receiver.
 * @param known from the last run; a stale one is replaced part by part
 */
export async function ensureDemo(operator: Client, receiver: Receiver, known?: DemoState): Promise<Demo> {
  const tenant_created = await ensureTenant(operator)
  const { api_key, key_created } = await ensureKey(operator, known?.api_key)
  const client = new Client(operator.url, api_key)
  const { endpoint, secret, endpoint_created } = await ensureEndpoint(client, receiver.url(PATH))
  receiver.expectSecret(PATH, secret)
  return {
    state: { api_key, endpoint_id: endpoint.id, receiver_port: receiver.port, gateway_url: operator.url },
    created: tenant_created || key_created || endpoint_created,
    client,
  }
}

/** Whether it had to be made. */
export async function ensureTenant(operator: Client): Promise<boolean> {
  const { status, body } = await operator.send('POST', '/v1/tenants', { body: { id: 'demo', name: 'Demo' } })
  if (status === 409) return false
  if (status !== 201) throw new UnexpectedAnswer('POST', '/v1/tenants', status, body)
  return true
}

async function ensureKey(operator: Client, known: string | undefined) {
  if (known !== undefined) {
    const { status } = await new Client(operator.url, known).send('GET', TENANT)
    if (status === 200) return { api_key: known, key_created: false }
  }
  const { key } = await operator.post<{ key: string }>(`${TENANT}/keys`, {
    name: 'npm start',
    role: 'admin',
    mode: 'test',
  })
  return { api_key: key, key_created: true }
}

async function ensureEndpoint(client: Client, url: string) {
  for await (const endpoint of client.list<EndpointView>(`${TENANT}/endpoints`)) {
    if (endpoint.description !== DESCRIPTION) continue
    const secret = await revealSecret(client, endpoint)
    if (secret !== undefined) {
      await mend(client, endpoint, url)
      return { endpoint, secret, endpoint_created: false }
    }
    // Its secret was sealed with a master key that is gone, so nothing can be signed for it any more.
    await client.call('DELETE', `${TENANT}/endpoints/${endpoint.id}`)
  }
  const endpoint = await client.post<CreatedEndpoint>(`${TENANT}/endpoints`, { url, description: DESCRIPTION })
  return { endpoint, secret: endpoint.secret, endpoint_created: true }
}

async function revealSecret(client: Client, { id }: EndpointView): Promise<string | undefined> {
  const { status, body } = await client.send<{ secrets: { secret: string }[] }>(
    'GET',
    `${TENANT}/endpoints/${id}/secret`,
  )
  return status === 200 ? body.secrets[0]?.secret : undefined
}

// Whatever became of it since, it can receive now: that is what the demo is there to show.
async function mend(client: Client, endpoint: EndpointView, url: string): Promise<void> {
  const path = `${TENANT}/endpoints/${endpoint.id}`
  if (endpoint.url !== url) await client.patch(path, { url })
  if (endpoint.status === 'disabled') await client.post(`${path}/enable`)
  await client.post(`${path}/breaker/reset`)
}

/**
 * Publishes one message and waits until the receiver has accepted it.
 * @throws Error saying what became of the delivery instead
 */
export async function greet(client: Client, receiver: Receiver): Promise<{ arrival: Arrival; took_ms: number }> {
  const data = { text: 'Hello from Postern', published_at: new Date().toISOString() }
  const published_at = Date.now()
  const message = await client.post<Published>(`${TENANT}/messages`, { type: 'demo.greeting', data })
  const accepted = () => receiver.accepted(PATH).find((arrival) => arrival.webhook_id === message.id)
  try {
    const arrival = await waitFor(accepted, { limit_ms: 15_000, what: 'The arrival of the message' })
    return { arrival, took_ms: arrival.at - published_at }
  } catch (error) {
    const deliveries = await client.get(`${TENANT}/messages/${message.id}/deliveries`)
    throw new Error(`${(error as Error).message}; its deliveries: ${JSON.stringify(deliveries)}`)
  }
}
