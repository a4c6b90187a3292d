import { describe, expect, it } from 'vitest'
import type { Deps } from '../../src/deps.ts'
import { parseLossless } from '../../src/lib/json.ts'
import { publish } from '../../src/messages/publish.ts'

/** Enough to keep a message that no endpoint wants; there is no endpoint to give one to. */
const kept = { prepare: () => ({ bind: () => ({ run: async () => ({ meta: { changes: 1 } }) }) }) }
const deps = {
  env: { DB: kept },
  now: () => Date.UTC(2026, 0, 1),
  random: (length: number) => new Uint8Array(length),
  trace: null,
} as unknown as Deps
const tenant = { id: 'acme', limits: {} }

async function deliveries(filter: string, json: string): Promise<number> {
  const subscription = { endpoint_id: 'ep_1', settings_version: 1, event_types: ['*'], channels: null, filter }
  const access = { tenant, subscriptions: [subscription], catalogue: new Map() } as unknown as Parameters<
    typeof publish
  >[1]
  const content = { format: 'event', data: parseLossless(json) } as const
  const { results } = await publish(deps, access, [
    {
      event_type: 'invoice.paid',
      content,
      headers: {},
      channels: [],
      ordering_key: null,
      subject: null,
      idempotency_key: null,
      event: null,
    },
  ])
  const [result] = results
  if (!result?.ok) throw new Error(`was not kept: ${JSON.stringify(result)}`)
  return result.value.deliveries.length
}

describe('a filter that a published message is judged by', () => {
  it('keeps it from an endpoint when it does not hold', async () => {
    expect(await deliveries('data.amount > 300', '{"amount":250}')).toBe(0)
  })

  // The body keeps every digit as it was written; a filter must see a number all the same.
  it.each([
    '{"amount":250.00,"id":12345678901234567890}',
    '{"amount":2.5e2,"id":"a"}',
    '{"amount":250.0,"hash":"3e7f"}',
  ])('sees numbers however they are written: %s', async (json) => {
    expect(await deliveries('data.amount > 300', json)).toBe(0)
  })
})
