/** Endpoints of several lanes, and messages that are made for one of them. */
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { ListedDelivery } from '../../durable-objects/endpoint/rpc.ts'
import { everyLane, homeOf, isDraining, type Layout, objectName } from '../../src/endpoints/lanes.ts'
import { eventually, type Json, type Reply, ringAlarm, stubOf, type TenantHandle } from './harness.ts'

const KEYS_TRIED = 10_000

/** An ordering key by where it goes: `keyFor({ 4: 3, 2: 1 })` to lane 3 of 4, and to lane 1 of 2. */
export function keyFor(homes: Record<number, number>): string {
  for (let n = 0; n < KEYS_TRIED; n++) {
    const ordering_key = `key-${n}`
    const goesThere = ([lanes, lane]: [string, number]) =>
      homeOf({ lanes: Number(lanes) }, { message_id: '', ordering_key }) === lane
    if (Object.entries(homes).every(goesThere)) return ordering_key
  }
  throw new Error(`no key goes to ${JSON.stringify(homes)}`)
}

/** One key for each of so many lanes. */
export function keyForEach(lanes: number): string[] {
  return Array.from({ length: lanes }, (_, lane) => keyFor({ [lanes]: lane }))
}

/** Changes the number of lanes. */
export async function setLanes(tenant: TenantHandle, { id }: Json, lanes: number): Promise<void> {
  const { status, body } = await tenant.call('PATCH', `/endpoints/${id}`, { body: { lanes } })
  expect({ status, lanes: body.lanes }, JSON.stringify(body)).toEqual({ status: 200, lanes })
}

/** Accepted one after the other, so that their order is certain. Contents as named, ids as answered. */
export async function publishTo(
  tenant: TenantHandle,
  ordering_key: string,
  contents: readonly string[],
): Promise<string[]> {
  const ids: string[] = []
  for (const data of contents) ids.push(await tenant.published({ data, ordering_key }))
  return ids
}

/** What the object of one lane holds, oldest first. */
export async function heldBy({ id }: Json, lane: number): Promise<ListedDelivery[]> {
  return (await stubOf(objectName(id, lane)).list({ limit: 250 })).deliveries.toReversed()
}

/** Ids of what the object of one lane holds, oldest first. */
export async function idsHeldBy(endpoint: Json, lane: number): Promise<string[]> {
  return (await heldBy(endpoint, lane)).map(({ message_id }) => message_id)
}

/** As D1 has it. */
export async function layoutOf({ id }: Json): Promise<Layout> {
  const row = await env.DB.prepare('SELECT layout FROM endpoints WHERE id = ?').bind(id).first<{ layout: string }>()
  return JSON.parse(row?.layout ?? 'null')
}

/** Lets the alarms of lanes ring that still drain, until D1 has heard of all of them that they have. */
export function allDrained(endpoint: Json): Promise<true> {
  return eventually('all lanes to have drained', async () => {
    const layout = await layoutOf(endpoint)
    const draining = everyLane(layout).filter((lane) => isDraining(layout, lane))
    await Promise.all(draining.map((lane) => ringAlarm(objectName(endpoint.id, lane))))
    return draining.length === 0
  })
}

/** What a list gives, page by page. */
export async function allPages(tenant: TenantHandle, path: string, limit: number): Promise<Json[][]> {
  const pages: Json[][] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: Reply = await tenant.call('GET', `${path}&limit=${limit}${cursor && `&cursor=${cursor}`}`)
    pages.push(body.data)
    cursor = body.next_cursor
  }
  return pages
}
