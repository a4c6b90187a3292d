/** What is erased meets the retention of its type. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { timeOfId } from '../../src/lib/ids.ts'
import { heldMessages } from '../../src/retention/held-messages.ts'
import { Run } from '../../src/retention/run.ts'
import { erased, someone } from './erased.ts'
import { createTenant, ringAlarm, skip, stubOf, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

const DAY_MS = 24 * 60 * 60 * 1000
useReceivers()

it('an erased delivery has nothing to expire, and one whose content has expired is erased all the same', async () => {
  const tenant = await createTenant({ retention_days: 30 })
  await tenant.call('POST', '/event-types', { body: { name: 'user.created', retention_days: 2 } })
  const endpoint = await tenant.endpoint()
  const [early, late] = [someone(), someone()]
  const first = await tenant.published({ type: 'user.created', subject: early.subject })
  const second = await tenant.published({ type: 'user.created', subject: late.subject, ordering_key: late.secret })
  for (const id of [first, second]) await tenant.deliveryIn('succeeded', id, endpoint.id)
  await erased(tenant, early.subject)
  skip(3 * DAY_MS)
  await ringAlarm(endpoint.id)
  const stored = () =>
    runInDurableObject(stubOf(endpoint.id), (_endpoint, { storage }) =>
      storage.sql
        .exec(
          'SELECT expired_at > 0 AS expired, erased_at > 0 AS erased, ordering_key, subject FROM deliveries ORDER BY position',
        )
        .toArray(),
    )
  expect(await stored()).toMatchObject([
    { expired: null, erased: 1 },
    { expired: 1, erased: null, ordering_key: late.secret },
  ])
  await erased(tenant, late.subject)
  expect((await stored())[1]).toEqual({ expired: 1, erased: 1, ordering_key: null, subject: null })
  for (const id of [first, second])
    expectProblem(await tenant.call('POST', `/deliveries/${id}.${endpoint.id}/retry`), 409, 'content_erased')
})

it('an erased message that nobody had subscribed to holds no payload', async () => {
  const tenant = await createTenant()
  const one = someone()
  const message_id = await tenant.published({ subject: one.subject })
  await erased(tenant, one.subject)
  const deps = createDeps(env, () => {})
  const key = { tenant_id: tenant.id, message_id, accepted_at: timeOfId(message_id) ?? 0 }
  expect(await heldMessages(deps, new Run(deps.now), tenant.id, [key])).toEqual(new Set())
})
