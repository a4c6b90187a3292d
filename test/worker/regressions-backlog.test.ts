/** Work on a large backlog reads no more rows than it changes, give or take a few for each. */
import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { enqueueMany } from './enqueued.ts'
import { createTenant, eventually, type Json, ringAlarm, stubOf, useReceivers } from './harness.ts'

const DAY_MS = 24 * 60 * 60 * 1000
useReceivers()

/** Counts the rows that an Endpoint reads from now on, as Cloudflare bills them. */
async function meterReads({ id }: Json): Promise<() => number> {
  const exec = await runInDurableObject(stubOf(id), (_endpoint, { storage }) => vi.spyOn(storage.sql, 'exec'))
  const cursors = () => exec.mock.results.map(({ value }) => value as SqlStorageCursor<Record<string, SqlStorageValue>>)
  return () => cursors().reduce((sum, { rowsRead }) => sum + rowsRead, 0)
}

describe('cancelling what a disabled endpoint parked', () => {
  async function readsToCancel(count: number, ordering: string): Promise<number> {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ ordering })
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await enqueueMany(tenant, endpoint, count, Date.now() - 10_000)
    expect((await stubOf(endpoint.id).breaker()).unfinished).toBe(count)
    const reads = await meterReads(endpoint)
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`, { body: { parked: 'cancel' } })
    await eventually('all to be cancelled', async () => (await stubOf(endpoint.id).breaker()).unfinished === 0)
    return reads()
  }

  it.each(['fifo', 'none'])('reads a few rows for each delivery, however many there are (%s)', async (ordering) => {
    const [of_500, of_1000] = [await readsToCancel(500, ordering), await readsToCancel(1000, ordering)]
    expect(of_1000).toBeLessThan(6 * 1000)
    expect(of_1000 / of_500).toBeLessThan(2.5)
  })
})

describe('delivering a backlog', () => {
  it('reads a few rows for each delivery, however many are in flight', { timeout: 30_000 }, async () => {
    const count = 1000
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ max_in_flight: 100 })
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await enqueueMany(tenant, endpoint, count, Date.now() - 10_000)
    const reads = await meterReads(endpoint)
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    await eventually('many to be in flight', async () => (await stubOf(endpoint.id).breaker()).in_flight >= 50)
    await eventually('all to be delivered', async () => (await stubOf(endpoint.id).breaker()).unfinished === 0, 20_000)
    expect(reads()).toBeLessThan(12 * count)
  })
})

describe('an alarm of a disabled endpoint with many old parked deliveries', () => {
  it('does not read them all each time', async () => {
    const count = 2000
    const tenant = await createTenant({ retention_days: 1 })
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await enqueueMany(tenant, endpoint, count, Date.now() - 3 * DAY_MS)
    // The first looks for what may be deleted.
    await ringAlarm(endpoint.id)
    const reads = await meterReads(endpoint)
    for (let i = 0; i < 5; i++) await ringAlarm(endpoint.id)
    expect(reads()).toBeLessThan(count / 10)
    expect((await stubOf(endpoint.id).breaker()).unfinished).toBe(count)
  })
})
