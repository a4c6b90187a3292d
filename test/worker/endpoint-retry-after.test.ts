/** Retry-After: a receiver that is busy says when it wants to be asked again (RFC 9110, section 10.2.3). */
import { expect, it } from 'vitest'
import { createTenant, type Json, type TenantHandle, useReceivers } from './harness.ts'

const receivers = useReceivers()

/** A tenant whose one endpoint answers like that, and a message on its way there. */
async function attemptAt(
  answer: Parameters<typeof receivers.current.become>[1],
  settings: Record<string, unknown> = {},
): Promise<{ tenant: TenantHandle; endpoint: Json; message_id: string }> {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [3600], ...settings })
  receivers.current.become(endpoint.url, answer)
  return { tenant, endpoint, message_id: await tenant.published() }
}

const secondsUntil = (time: string) => (Date.parse(time) - Date.now()) / 1000

const inTwoHours = () => new Date(Date.now() + 7_200_000).toUTCString()
it.each([
  { status: 429, what: 'seconds', header: () => '7200', wanted_s: 7200 },
  { status: 503, what: 'seconds', header: () => '7200', wanted_s: 7200 },
  { status: 429, what: 'a date', header: inTwoHours, wanted_s: 7200 },
  { status: 503, what: 'a date', header: inTwoHours, wanted_s: 7200 },
  { status: 429, what: 'more than a day', header: () => '1000000', wanted_s: 86_400 },
])('of a $status is honoured: $what', async ({ status, header, wanted_s }) => {
  const answer = () => new Response(null, { status, headers: { 'retry-after': header() } })
  const { tenant, endpoint, message_id } = await attemptAt(answer, { retry_delays_s: [5] })
  const { next_attempt_at } = await tenant.deliveryIn('waiting', message_id, endpoint.id)
  expect(secondsUntil(next_attempt_at)).toBeGreaterThan(wanted_s - 5)
  expect(secondsUntil(next_attempt_at)).toBeLessThanOrEqual(wanted_s)
})

it.each([
  { status: 429, header: 'soon' },
  { status: 429, header: '-5' },
  { status: 429, header: '1' },
  { status: 500, header: '7200' },
])('"$header" of a $status leaves the schedule as it is', async ({ status, header }) => {
  const answer = () => new Response(null, { status, headers: { 'retry-after': header } })
  const { tenant, endpoint, message_id } = await attemptAt(answer, { retry_delays_s: [100] })
  const { next_attempt_at } = await tenant.deliveryIn('waiting', message_id, endpoint.id)
  expect(secondsUntil(next_attempt_at)).toBeGreaterThan(75)
  expect(secondsUntil(next_attempt_at)).toBeLessThanOrEqual(120)
})
