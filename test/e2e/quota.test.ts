import { expect, it } from 'vitest'
import { range, Tenant, usePostern, waitFor } from './harness.ts'

const PUBLISHERS = 8
const QUOTA = 300
/** So many were accepted when it is killed. */
const KILLED_AT = 100

const shared = usePostern()

interface Usage {
  accepted: number
  unmetered: number
}

it('kill -9 makes nobody a present: what was accepted is counted, and the quota holds over the restart', {
  timeout: 120_000,
}, async () => {
  const { gateway, receiver } = shared
  const tenant = await Tenant.create(gateway.operator, 'metered')
  await tenant.endpoint(receiver, '/metered')
  await gateway.operator.send('PATCH', tenant.path, { body: { limits: { messages_per_month: QUOTA } } })
  const usage = () => gateway.operator.get<Usage>(`${tenant.path}/usage`)
  const counts = { accepted: 0, refused: 0, unanswered: 0 }
  let is_over = false
  const publishing = range(PUBLISHERS).map(async (line) => {
    for (let seq = 0; !is_over; seq++) {
      const answer = await tenant.publish({ type: 'quota.used', data: { line, seq } }).catch(() => null)
      if (answer === null) counts.unanswered++
      else if (answer.status === 202) counts.accepted++
      else if (answer.status === 429) counts.refused++
      else expect.fail(`answered ${answer.status}`)
      // Whoever finds nobody there does not ask a thousand times a second.
      if (answer === null) return
    }
  })
  await waitFor(() => counts.accepted >= KILLED_AT, { limit_ms: 30_000, what: 'The first messages' })
  await gateway.kill()
  is_over = true
  await Promise.all(publishing)
  await gateway.restart()

  const { accepted: counted } = await usage()
  expect(counted).toBeGreaterThanOrEqual(counts.accepted)
  // What was counted and not answered was under way when it was killed.
  expect(counted - counts.accepted).toBeLessThanOrEqual(counts.unanswered)

  const before = counts.accepted
  await Promise.all(
    range(PUBLISHERS).map(async (line) => {
      for (let status = 202; status === 202; ) {
        status = (await tenant.publish({ type: 'quota.used', data: { line } })).status
        if (status === 202) counts.accepted++
        else expect(status).toBe(429)
      }
    }),
  )
  expect(counts.accepted - before).toBe(QUOTA - counted)
  expect(await usage()).toMatchObject({ accepted: QUOTA, unmetered: 0 })
})
