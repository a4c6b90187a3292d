/** What became of a request in the demo tenant: its message and deliveries, or why it was refused. */

import { z } from 'zod'
import type { Client } from '../client.ts'
import { TENANT } from '../demo.ts'
import { waitFor } from '../wait-for.ts'

const LIMIT_MS = 10_000
const INTERVAL_MS = 100

/** States in which a delivery stays until something else happens. */
const UNDER_WAY = ['pending', 'delivering']

export interface DeliveryView {
  id: string
  endpoint_id: string
  state: string
  reason: string | null
  last_status: number | null
  last_error: string | null
  attempt_count: number
}

export interface MessageView {
  id: string
  type: string
  content_type: string
  size_bytes: number
}

const answerSchema = z.object({ message_id: z.string() })

/**
 * The message that a source has made of a request. Undefined where the source answers what its provider wants to hear
 * instead of an id, and the request was no event, or one that was known.
 * @param body of the source's answer
 * @param since when it was sent, Unix milliseconds
 * @param prefix of the event types of the source
 */
export async function findMessage(
  client: Client,
  body: string,
  since: number,
  prefix: string,
): Promise<MessageView | undefined> {
  const id = idIn(body) ?? (await newestId(client, since, prefix))
  return id === undefined ? undefined : client.get<MessageView>(`${TENANT}/messages/${id}`)
}

function idIn(body: string): string | undefined {
  try {
    return answerSchema.safeParse(JSON.parse(body)).data?.message_id
  } catch {
    return undefined
  }
}

/** The list is some seconds behind. */
async function newestId(client: Client, since: number, prefix: string): Promise<string | undefined> {
  const path = `${TENANT}/messages?since=${encodeURIComponent(new Date(since).toISOString())}`
  return looked('The message', async () => {
    const { data } = await client.get<{ data: { id: string; type: string }[] }>(path)
    return data.find(({ type }) => type.startsWith(`${prefix}.`))?.id
  })
}

/** The deliveries of a message, once each of them has been attempted. */
export async function followDeliveries(client: Client, message_id: string): Promise<DeliveryView[]> {
  const path = `${TENANT}/messages/${message_id}/deliveries`
  const read = async () => (await client.get<{ data: DeliveryView[] }>(path)).data
  const settled = await looked('The end of the deliveries', async () => {
    const deliveries = await read()
    return deliveries.every(({ state }) => !UNDER_WAY.includes(state)) && deliveries
  })
  return settled ?? read()
}

/** Why the source refused a request, which only its owner is told. Undefined when it does not say so in time. */
export async function findRefusal(client: Client, source_id: string, since: number): Promise<string | undefined> {
  return looked('The refusal', async () => {
    const { data } = await client.get<{ data: { reason: string; last_at: string }[] }>(
      `${TENANT}/sources/${source_id}/failures`,
    )
    return data.find(({ last_at }) => Date.parse(last_at) >= since)?.reason
  })
}

async function looked<Found>(what: string, look: () => Promise<Found | false | undefined>): Promise<Found | undefined> {
  return waitFor(look, { limit_ms: LIMIT_MS, interval_ms: INTERVAL_MS, what }).catch(() => undefined)
}
