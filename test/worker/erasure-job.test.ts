/** The job behind an erasure: cut off, killed, run twice at once, met by a part that does not answer, and by a great many. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { payloadsOfSubject } from '../../src/messages/body.ts'
import { firstPass } from '../../src/subjects/run-erasure.ts'
import { hashSubject } from '../../src/subjects/subject.ts'
import { itemOf } from './enqueued.ts'
import { erased, erasing, erasureOf, firstPassOver, laterPass, progressOf, someone } from './erased.ts'
import {
  breakDatabase,
  breakEndpoint,
  createTenant,
  eventually,
  type Json,
  runCron,
  skip,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { allPages } from './laned.ts'
import { whereIs } from './planted.ts'
import { expectProblem } from './problem.ts'

useReceivers()

const MINUTE_MS = 60 * 1000
const NOTHING = {
  deliveries: 0,
  unfinished_deliveries: 0,
  attempts: 0,
  unmatched_messages: 0,
  dead_letters: 0,
  payloads: 0,
}

/** Unmatched messages, as if so many had been published. */
async function unmatched({ id }: TenantHandle, one: { subject: string; secret: string }, count: number): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO unmatched_messages (tenant_id, accepted_at, id, event_type, content_type, format, channels, ordering_key,
       subject, fingerprint, payload, size_bytes)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?4)
     SELECT ?1, i, 'msg_' || i, 'a', 'text/plain', 'raw', '[]', ?3, ?2, 'f', ?3, 1 FROM n`,
  )
    .bind(id, await hashSubject(id, one.subject), one.secret, count)
    .run()
}

/** Rows of the read model, as a deleted endpoint leaves them. */
async function projected({ id }: TenantHandle, one: { subject: string; secret: string }, count: number): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO deliveries (tenant_id, accepted_at, message_id, endpoint_id, event_type, subject, state, ordering_key, attempts,
       updated_at, revision)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?4)
     SELECT ?1, i, 'msg_' || i, 'ep_gone', 'a', ?2, 'succeeded', ?3, 1, 0, 1 FROM n`,
  )
    .bind(id, await hashSubject(id, one.subject), one.secret, count)
    .run()
}

async function payloads({ id }: TenantHandle, one: { subject: string; secret: string }, count: number): Promise<void> {
  const folder = payloadsOfSubject(id, await hashSubject(id, one.subject))
  const now = Date.now() - 1000
  for (let n = 0; n < count; n++) {
    const key = `${folder}${itemOf(now).message_id}/${now}-${'0'.repeat(32)}`
    await env.PAYLOADS.put(key, one.secret)
  }
}

/** Deliveries in an Endpoint. */
async function held(
  tenant: TenantHandle,
  { id }: Json,
  one: { subject: string; secret: string },
  count: number,
): Promise<void> {
  const subject = await hashSubject(tenant.id, one.subject)
  const accepted_at = Date.now() - 1000
  const items = Array.from({ length: count }, () => ({
    ...itemOf(accepted_at),
    subject,
    body: { inline: new TextEncoder().encode(one.secret) },
  }))
  const names = { tenant_id: tenant.id, endpoint_id: id, settings_version: 0, epoch: 0, as: 'home' as const }
  await stubOf(id).enqueue({ ...names, items })
}

describe('however much there is', () => {
  it('goes page by page through every store, and counts each thing once', { timeout: 60_000 }, async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await held(tenant, endpoint, one, 350)
    await unmatched(tenant, one, 1200)
    await projected(tenant, one, 1300)
    await payloads(tenant, one, 260)
    expect(await erased(tenant, one.subject)).toMatchObject({
      erased: { ...NOTHING, deliveries: 350, unfinished_deliveries: 350, unmatched_messages: 1200, payloads: 260 },
    })
    expect(await whereIs(one.secret, tenant)).toEqual([])
  })

  it('goes on where a run had no more time', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoints = [await tenant.endpoint(), await tenant.endpoint(), await tenant.endpoint()]
    for (const endpoint of endpoints) await held(tenant, endpoint, one, 1)
    await unmatched(tenant, one, 3)
    const get = env.ENDPOINT.get.bind(env.ENDPOINT)
    let calls = 0
    vi.spyOn(env.ENDPOINT, 'get').mockImplementation((id) => {
      // While the second is asked the time is up.
      if (++calls === 2) skip(MINUTE_MS)
      return get(id)
    })
    const erasure = await erasing(tenant, one.subject)
    const halfway = await eventually('the run to end', async () => {
      const row = await env.DB.prepare('SELECT progress, run_after FROM erasures WHERE id = ?')
        .bind(erasure.id)
        .first<Json>()
      return row.run_after <= Date.now() && JSON.parse(row.progress)
    })
    expect(halfway).toMatchObject({ store: 'endpoints', after: endpoints[1].id })
    await runCron('erasures.run')
    expect(await whereIs(one.secret, tenant)).toEqual([])
    const done = await laterPass(tenant, erasure)
    expect(done).toMatchObject({ state: 'completed', erased: { deliveries: 3, unmatched_messages: 3 } })
  })
})

describe('when a part fails', () => {
  it.each([
    ['the read model', 'UPDATE deliveries SET subject'],
    ['unmatched messages', 'UPDATE unmatched_messages SET subject'],
    ['what a queue gave up on', 'DELETE FROM dead_letters\n'],
  ])('goes on from there after D1 has failed at %s, and counts nothing twice', async (_part, statement) => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint()
    await held(tenant, endpoint, one, 2)
    await unmatched(tenant, one, 700)
    await projected(tenant, one, 700)
    await payloads(tenant, one, 2)
    let pages = 0
    const mend = breakDatabase((sql) => sql.startsWith(statement) && (++pages > 1 || statement.startsWith('DELETE')))
    const warn = vi.spyOn(console, 'warn')
    const erasure = await erasing(tenant, one.subject)
    await eventually('the failure', () => warn.mock.calls.some(([line]) => String(line).includes('erasure.failed')))
    mend()
    // Whoever holds the lease may be dead: it runs out.
    skip(11 * MINUTE_MS)
    await runCron('erasures.run')
    expect(await laterPass(tenant, erasure)).toMatchObject({
      state: 'completed',
      erased: {
        ...NOTHING,
        deliveries: 2,
        attempts: expect.any(Number),
        unfinished_deliveries: expect.any(Number),
        unmatched_messages: 700,
        payloads: 2,
      },
    })
    expect(await whereIs(one.secret, tenant)).toEqual([])
  })

  it('counts a payload once when R2 fails while it deletes', async () => {
    const tenant = await createTenant()
    const one = someone()
    await payloads(tenant, one, 5)
    const remove = vi.spyOn(env.PAYLOADS, 'delete').mockRejectedValueOnce(new Error('R2 does not answer'))
    const erasure = await erasing(tenant, one.subject)
    await eventually('the failure', () => remove.mock.calls.length === 1)
    skip(11 * MINUTE_MS)
    await runCron('erasures.run')
    expect(await laterPass(tenant, erasure)).toMatchObject({ state: 'completed', erased: { payloads: 5 } })
    expect(await whereIs(one.secret, tenant)).toEqual([])
  })

  it('erases everywhere else while an Endpoint does not answer, and is not done before it has', async () => {
    const tenant = await createTenant()
    const one = someone()
    const [deaf, well] = [await tenant.endpoint(), await tenant.endpoint()]
    const ids = await Promise.all([1, 2].map(() => tenant.published({ subject: one.subject, data: one.secret })))
    for (const id of ids) for (const { id: to } of [deaf, well]) await tenant.deliveryIn('succeeded', id, to)
    const mend = breakEndpoint(deaf.id)
    const erasure = await erasing(tenant, one.subject)
    await firstPassOver(tenant, erasure)
    expect(await laterPass(tenant, erasure)).toMatchObject({ state: 'running' })
    expect((await tenant.delivery(ids[0] ?? '', well.id)).erased_at).not.toBeNull()
    mend()
    expect((await tenant.delivery(ids[0] ?? '', deaf.id)).erased_at).toBeNull()
    expect(await laterPass(tenant, erasure)).toMatchObject({ state: 'completed', erased: { deliveries: 4 } })
    expect(await whereIs(one.secret, tenant)).toEqual([])
  })

  it('ends with its tenant', async () => {
    const tenant = await createTenant()
    const erasure = await erasing(tenant, 'somebody')
    await firstPassOver(tenant, erasure)
    await tenant.call('DELETE', '?endpoints=delete')
    skip(15 * MINUTE_MS)
    await runCron('erasures.run')
    await runCron('tenants.purge')
    expect(await env.DB.prepare('SELECT 1 FROM erasures WHERE tenant_id = ?').bind(tenant.id).first()).toBeNull()
  })
})

describe('two at once', () => {
  it('of the same person are both completed, and what there was is counted by one of them', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint()
    await held(tenant, endpoint, one, 120)
    await unmatched(tenant, one, 600)
    const both = await Promise.all([erasing(tenant, one.subject), erasing(tenant, one.subject)])
    await Promise.all(both.map((erasure) => firstPassOver(tenant, erasure)))
    skip(15 * MINUTE_MS)
    await runCron('erasures.run')
    const [first, second] = await Promise.all(both.map((erasure) => erasureOf(tenant, erasure)))
    expect([first.state, second.state]).toEqual(['completed', 'completed'])
    expect(first.erased.deliveries + second.erased.deliveries).toBe(120)
    expect(first.erased.unmatched_messages + second.erased.unmatched_messages).toBe(600)
    expect(await whereIs(one.secret, tenant)).toEqual([])
  })

  it('of the cron do what one would', async () => {
    const tenant = await createTenant()
    const one = someone()
    const erasure = await erasing(tenant, one.subject)
    await firstPassOver(tenant, erasure)
    await unmatched(tenant, one, 900)
    skip(15 * MINUTE_MS)
    await Promise.all([runCron('erasures.run'), runCron('erasures.run'), runCron('erasures.run')])
    expect(await erasureOf(tenant, erasure)).toMatchObject({ state: 'completed', erased: { unmatched_messages: 900 } })
  })

  it('cannot be: whoever has lost the lease does nothing more', async () => {
    const tenant = await createTenant()
    const one = someone()
    const erasure = await erasing(tenant, one.subject)
    await firstPassOver(tenant, erasure)
    await unmatched(tenant, one, 900)
    skip(15 * MINUTE_MS)
    const prepare = env.DB.prepare.bind(env.DB)
    const warn = vi.spyOn(console, 'warn')
    // In the middle of the run somebody else takes over.
    let is_taken = false
    vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => {
      if (!is_taken && sql.startsWith('UPDATE unmatched_messages')) {
        is_taken = true
        void prepare('UPDATE erasures SET run_after = run_after + 1 WHERE id = ?').bind(erasure.id).run()
      }
      return prepare(sql)
    })
    await runCron('erasures.run')
    expect(warn.mock.calls.some(([line]) => String(line).includes('erasure.lease_lost'))).toBe(true)
    vi.mocked(env.DB.prepare).mockRestore()
    skip(31 * MINUTE_MS)
    await runCron('erasures.run')
    expect(await laterPass(tenant, erasure)).toMatchObject({ state: 'completed', erased: { unmatched_messages: 900 } })
  })
})

it('is in the audit log: who asked, and what came of it, without saying whom it was about', async () => {
  const tenant = await createTenant()
  const one = someone()
  const key = await tenant.key('admin')
  await tenant.call('POST', '/exports', { key, body: { subject: one.subject } })
  const { body: erasure } = await tenant.call('POST', '/erasures', { key, body: { subject: one.subject } })
  await firstPassOver(tenant, erasure)
  const done = await laterPass(tenant, erasure)
  const { data } = (await tenant.call('GET', '/audit-log')).body
  const { subject_hash } = done
  expect(data.slice(0, 3)).toMatchObject([
    { action: 'erasure.complete', target: done.id, actor: { role: 'system' }, after: { digest: done.receipt.digest } },
    { action: 'erasure.request', target: done.id, actor: { key_id: done.requested_by }, after: { subject_hash } },
    { action: 'subject.export', actor: { key_id: done.requested_by }, after: { subject_hash } },
  ])
  expect(await whereIs(one.subject, tenant)).toEqual([])
})

describe('erasures', () => {
  it('are listed newest first, and seen by nobody else', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const made: Json[] = []
    for (const name of ['a', 'b', 'c']) made.push(await erasing(tenant, name))
    const pages = await allPages(tenant, '/erasures?', 2)
    expect(pages.map((page) => page.map(({ id }: Json) => id))).toEqual([[made[2].id, made[1].id], [made[0].id]])
    expectProblem(await other.call('GET', `/erasures/${made[0].id}`), 404, 'not_found')
    expect((await other.call('GET', '/erasures')).body.data).toEqual([])
    const key = await other.key('admin')
    expectProblem(await tenant.call('POST', '/erasures', { key, body: { subject: 'a' } }), 404, 'not_found')
  })

  it('are for admins', async () => {
    const tenant = await createTenant()
    for (const role of ['developer', 'publisher', 'viewer', 'auditor']) {
      const key = await tenant.key(role)
      expectProblem(await tenant.call('POST', '/erasures', { key, body: { subject: 'a' } }), 403, 'forbidden')
      expectProblem(await tenant.call('GET', '/erasures', { key }), 403, 'forbidden')
      expectProblem(await tenant.call('POST', '/exports', { key, body: { subject: 'a' } }), 403, 'forbidden')
    }
    const key = await tenant.key('admin')
    expect((await tenant.call('POST', '/erasures', { key, body: { subject: 'a' } })).status).toBe(202)
  })

  it.each([{}, { subject: '' }, { subject: 'two words' }, { subject: 'x'.repeat(256) }, { subject: 'a', all: true }])(
    'are refused for %j',
    async (body) => {
      const tenant = await createTenant()
      expectProblem(await tenant.call('POST', '/erasures', { body }), 422, 'invalid_request')
      expect((await tenant.call('GET', '/erasures')).body.data).toEqual([])
    },
  )

  it('may be a thousand at once, and not more', async () => {
    const tenant = await createTenant()
    const erasure = await erasing(tenant, 'somebody')
    await firstPassOver(tenant, erasure)
    const { run_after } = await progressOf(tenant, erasure)
    await env.DB.prepare(
      `INSERT INTO erasures (tenant_id, id, subject, requested_at, requested_by, progress, run_after)
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
       SELECT ?1, 'era_' || i, 'x', 0, 'key', '{}', ?2 FROM n`,
    )
      .bind(tenant.id, run_after + 1e12)
      .run()
    expectProblem(await tenant.call('POST', '/erasures', { body: { subject: 'a' } }), 422, 'limit_reached')
    await env.DB.prepare("UPDATE erasures SET completed_at = 1 WHERE id = 'era_1' AND tenant_id = ?")
      .bind(tenant.id)
      .run()
    expect((await tenant.call('POST', '/erasures', { body: { subject: 'a' } })).status).toBe(202)
  })
})

it('goes on for every tenant in one run, however many erasures one has and however long they take', {
  timeout: 60_000,
}, async () => {
  const [many, few] = [await createTenant(), await createTenant()]
  // More calls for each erasure than a run has.
  for (let n = 0; n < 30; n++) await many.endpoint({ lanes: 16, max_in_flight: 16 })
  const insert = async ({ id }: TenantHandle, count: number, run_after: number) =>
    env.DB.prepare(
      `INSERT INTO erasures (tenant_id, id, subject, requested_at, requested_by, progress, run_after)
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
       SELECT ?1, 'era_' || i, 'f' || i, ?3, 'key_a', ?4, ?3 FROM n`,
    )
      .bind(id, count, run_after, JSON.stringify(firstPass(Date.now())))
      .run()
  await insert(many, 300, Date.now() - 60 * MINUTE_MS)
  await insert(few, 1, Date.now() - 30 * MINUTE_MS)
  await runCron('erasures.run')
  const done = await env.DB.prepare('SELECT completed_at FROM erasures WHERE tenant_id = ?').bind(few.id).first<Json>()
  expect(done.completed_at).not.toBeNull()
})
