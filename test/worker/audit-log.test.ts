/** Who did what, from where: an entry for every change, in one batch with it. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { operationsOf, readDocument } from './api-document.ts'
import {
  breakDatabase,
  call,
  createTenant,
  eventually,
  type Json,
  type Reply,
  runCron,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const receivers = useReceivers()
let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
})

/** A tenant's entries since it was created, oldest first. */
async function entries(filter = ''): Promise<Json[]> {
  const { status, body } = await tenant.call('GET', `/audit-log?limit=250${filter}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.data.toReversed().filter(({ action }: Json) => action !== 'tenant.create')
}

async function lastEntry(): Promise<Json> {
  return (await entries()).at(-1)
}

/** The operators' entries about one thing, oldest first. */
async function operatorEntries(target: string): Promise<Json[]> {
  return (await call('GET', `/v1/audit-log?target=${target}`)).body.data.toReversed()
}

describe('an entry', () => {
  it('names the key, its role, the address, the user agent and the request', async () => {
    const key = await tenant.key('admin')
    const made = await tenant.call('POST', '/event-types', {
      key,
      body: { name: 'invoice.paid' },
      headers: { 'cf-connecting-ip': '203.0.113.9', 'user-agent': 'curl/8', 'x-request-id': 'req-of-mine' },
    })
    expect(made.status).toBe(201)
    const { data } = (await tenant.call('GET', '/keys')).body
    expect(await lastEntry()).toMatchObject({
      action: 'event_type.create',
      target: 'invoice.paid',
      actor: {
        key_id: data[0].id,
        role: 'admin',
        address: '203.0.113.9',
        user_agent: 'curl/8',
        request_id: 'req-of-mine',
      },
    })
  })

  it('follows the one before it, and holds its hash', async () => {
    await tenant.endpoint()
    await tenant.endpoint()
    const [created, first, second] = (await tenant.call('GET', '/audit-log')).body.data.toReversed()
    expect([created.seq, first.seq, second.seq]).toEqual([1, 2, 3])
    expect(created.prev_hash).toBe('0'.repeat(64))
    expect([first.prev_hash, second.prev_hash]).toEqual([created.hash, first.hash])
  })

  it('says what changed, before and after, and nothing of what stayed', async () => {
    const { id } = await tenant.endpoint({ timeout_ms: 5000, description: 'ours' })
    await tenant.call('PATCH', `/endpoints/${id}`, { body: { timeout_ms: 9000 } })
    const { action, target, before, after } = await lastEntry()
    expect([action, target]).toEqual(['endpoint.update', id])
    expect(before).toEqual({ timeout_ms: 5000, updated_at: expect.any(String) })
    expect(after).toEqual({ timeout_ms: 9000, updated_at: expect.any(String) })
  })

  it('shows that a header was changed, and not its value', async () => {
    const { id } = await tenant.endpoint({ headers: { 'x-api-key': 'first-credential' } })
    await tenant.call('PATCH', `/endpoints/${id}`, { body: { headers: { 'x-api-key': 'second-credential' } } })
    const all = await entries()
    expect(all.at(-1)).toMatchObject({
      before: { headers: { 'x-api-key': '[hidden]' } },
      after: { headers: { 'x-api-key': '[hidden]' } },
    })
    expect(JSON.stringify(all)).not.toContain('credential')
  })

  it('is not written of what was refused', async () => {
    const { id } = await tenant.endpoint()
    await tenant.call('PATCH', `/endpoints/${id}`, { body: { timeout_ms: 1 } })
    await tenant.call('PATCH', '/endpoints/ep_none', { body: { timeout_ms: 9000 } })
    await tenant.call('DELETE', '/endpoints/ep_none')
    await tenant.call('DELETE', '/event-types/none')
    expect((await entries()).map(({ action }) => action)).toEqual(['endpoint.create'])
  })
})

describe('every change leaves one', () => {
  /** What is done, and the entry that it leaves. */
  const changes: [action: string, act: (tenant: TenantHandle, endpoint: Json) => Promise<unknown>][] = [
    ['tenant.update', (t) => t.call('PATCH', '', { body: { name: 'another' } })],
    ['key.create', (t) => t.key('viewer')],
    ['key.update', async (t) => t.call('PATCH', `/keys/${await keyOf(t)}`, { body: { name: 'renamed' } })],
    ['key.rotate', async (t) => t.call('POST', `/keys/${await keyOf(t)}/rotate`)],
    ['key.revoke', async (t) => t.call('DELETE', `/keys/${await keyOf(t)}`)],
    ['endpoint.create', (t) => t.endpoint()],
    ['endpoint.update', (t, { id }) => t.call('PATCH', `/endpoints/${id}`, { body: { description: 'x' } })],
    ['endpoint.disable', (t, { id }) => t.call('POST', `/endpoints/${id}/disable`)],
    ['endpoint.enable', (t, { id }) => t.call('POST', `/endpoints/${id}/enable`)],
    ['endpoint.delete', (t, { id }) => t.call('DELETE', `/endpoints/${id}`)],
    ['endpoint.secret.reveal', (t, { id }) => t.call('GET', `/endpoints/${id}/secret`)],
    ['endpoint.secret.rotate', (t, { id }) => t.call('POST', `/endpoints/${id}/secret/rotate`)],
    ['endpoint.test', (t, { id }) => t.call('POST', `/endpoints/${id}/test`)],
    ['endpoint.breaker.reset', (t, { id }) => t.call('POST', `/endpoints/${id}/breaker/reset`)],
    ['endpoint.replay', (t, { id }) => t.call('POST', `/endpoints/${id}/replay`, { body: { since: LONG_AGO } })],
    ['source.create', (t) => sourceOf(t)],
    ['source.update', async (t) => t.call('PATCH', `/sources/${await sourceOf(t)}`, { body: { name: 'renamed' } })],
    ['source.secret.rotate', async (t) => t.call('POST', `/sources/${await sourceOf(t)}/secret/rotate`)],
    ['source.delete', async (t) => t.call('DELETE', `/sources/${await sourceOf(t)}`)],
    ['event_type.create', (t) => t.call('POST', '/event-types', { body: { name: 'a.b' } })],
    ['event_type.update', async (t) => t.call('PATCH', `/event-types/${await typeOf(t)}`, { body: { schema: {} } })],
    ['event_type.delete', async (t) => t.call('DELETE', `/event-types/${await typeOf(t)}`)],
    ['event_type.schema.delete', async (t) => t.call('DELETE', `/event-types/${await versionedType(t)}/schemas/1`)],
    ['message.replay', async (t) => t.call('POST', `/messages/${await t.published()}/replay`)],
    ['delivery.retry', async (t, { id }) => t.call('POST', `/deliveries/${await t.published()}.${id}/retry`)],
    ['dead_letter.redrive', (t) => t.call('POST', '/dead-letters/redrive', { body: {} })],
    ['audit_log.export', (t) => t.call('GET', '/audit-log/export')],
  ]

  it.each(changes)('%s', async (action, act) => {
    const endpoint = await tenant.endpoint()
    const reply = await act(tenant, endpoint)
    if (isReply(reply)) expect(reply.status).toBeLessThan(300)
    const { seq, action: recorded, actor } = await lastEntry()
    expect([recorded, actor.role]).toEqual([action, 'operator'])
    expect(seq).toBeGreaterThan(2)
  })

  it('a tenant that is created, as the first of its own log', async () => {
    const { data } = (await tenant.call('GET', '/audit-log')).body
    expect(data).toMatchObject([{ seq: 1, action: 'tenant.create', before: null, after: { id: tenant.id } }])
  })

  it('a tenant that is deleted, in the log of the operators', async () => {
    await tenant.call('DELETE', '')
    const deletion = { action: 'tenant.delete', before: { id: tenant.id }, after: null }
    expect(await operatorEntries(tenant.id)).toMatchObject([deletion])
  })

  it('an operator key, in the log of the operators', async () => {
    const { id } = (await call('POST', '/v1/keys', { body: { name: 'ops' } })).body
    await call('DELETE', `/v1/keys/${id}`)
    expect((await operatorEntries(id)).map(({ action }) => action)).toEqual(['key.create', 'key.revoke'])
  })

  it('and so does every route that is not there only to read or to publish', async () => {
    const silent = operationsOf(await readDocument())
      .filter(({ method, contract }) => method !== 'GET' && contract['x-audited'] !== true)
      .map(({ method, path }) => `${method} ${path}`)
    expect(silent.toSorted()).toEqual([
      'POST /canary/echo',
      'POST /in/{source}',
      'POST /v1/audit-log/verify',
      'POST /v1/tenants/{tenant}/audit-log/verify',
      'POST /v1/tenants/{tenant}/messages',
      'POST /v1/tenants/{tenant}/messages/batch',
    ])
  })
})

describe('an endpoint that disables itself', () => {
  it('leaves an entry in the name of the system', async () => {
    const endpoint = await tenant.endpoint()
    receivers.current.become(endpoint.url, 410)
    await tenant.published()
    const disabling = await eventually('the report', async () => (await entries('&action=endpoint.disable'))[0])
    expect(disabling).toMatchObject({
      target: endpoint.id,
      actor: { key_id: 'system', role: 'system', address: null },
      after: { disabled_reason: 'gone' },
    })
  })
})

describe('a change and its entry', () => {
  it('are both there, or neither: with no entry there is no change', async () => {
    const { id } = await tenant.endpoint({ description: 'before' })
    const mend = breakDatabase((sql) => sql.startsWith('INSERT INTO audit_log'))
    const patched = await tenant.call('PATCH', `/endpoints/${id}`, { body: { description: 'after' } })
    const revealed = await tenant.call('GET', `/endpoints/${id}/secret`)
    mend()
    expect([patched.status, revealed.status]).toEqual([503, 503])
    expect((await tenant.call('GET', `/endpoints/${id}`)).body.description).toBe('before')
    expect((await entries()).map(({ action }) => action)).toEqual(['endpoint.create'])
  })

  it('stay together when twenty change the same at once, each with what really was before', async () => {
    const { id } = await tenant.endpoint({ description: '0' })
    const names = Array.from({ length: 20 }, (_, i) => String(i + 1))
    const replies = await Promise.all(
      names.map((description) => tenant.call('PATCH', `/endpoints/${id}`, { body: { description } })),
    )
    expect(replies.map(({ status }) => status)).toEqual(names.map(() => 200))
    const updates = await entries('&action=endpoint.update')
    expect(updates.map(({ after }) => after.description).toSorted()).toEqual(names.toSorted())
    expect(updates.map(({ before }) => before.description)).toEqual([
      '0',
      ...updates.slice(0, -1).map(({ after }) => after.description),
    ])
    expect((await tenant.call('GET', `/endpoints/${id}`)).body.description).toBe(updates.at(-1).after.description)
    expect((await tenant.call('GET', '/audit-log/verify')).body).toMatchObject({ holds: true, entries: 22 })
  })
})

describe('the log', () => {
  it('is read by admins and auditors of the tenant, and by nobody else', async () => {
    const allowed: Record<string, number> = {}
    for (const role of ['admin', 'developer', 'publisher', 'viewer', 'auditor']) {
      const { status } = await tenant.call('GET', '/audit-log', { key: await tenant.key(role) })
      allowed[role] = status
    }
    expect(allowed).toEqual({ admin: 200, developer: 403, publisher: 403, viewer: 403, auditor: 200 })
  })

  it('shows one tenant nothing of another', async () => {
    const other = await createTenant()
    await other.endpoint()
    expect(await entries()).toEqual([])
    const { status } = await other.call('GET', '/audit-log', { key: await tenant.key('auditor') })
    expect(status).toBe(404)
  })

  it('is listed newest first, in pages, by action, target, key and time', async () => {
    const [a, b] = [await tenant.endpoint(), await tenant.endpoint()]
    await tenant.call('DELETE', `/endpoints/${a.id}`)
    const first = (await tenant.call('GET', '/audit-log?limit=2')).body
    expect(first.data.map(({ seq }: Json) => seq)).toEqual([4, 3])
    const second = (await tenant.call('GET', `/audit-log?limit=2&cursor=${first.next_cursor}`)).body
    expect(second.data.map(({ seq }: Json) => seq)).toEqual([2, 1])
    expect(second.next_cursor).toBeNull()
    expect((await entries(`&target=${b.id}`)).map(({ seq }) => seq)).toEqual([3])
    expect((await entries('&action=endpoint.delete')).map(({ seq }) => seq)).toEqual([4])
    expect((await entries('&key_id=key_settings')).length).toBe(3)
    expect((await entries('&key_id=key_none')).length).toBe(0)
    expect((await entries('&since=2100-01-01T00:00:00Z')).length).toBe(0)
    expect((await entries('&until=2100-01-01T00:00:00Z')).length).toBe(3)
    expect((await tenant.call('GET', '/audit-log?action=endpoint.invent')).status).toBe(422)
  })

  it('is exported oldest first, one entry a line, which is recorded', async () => {
    for (let i = 0; i < 3; i++) await tenant.endpoint()
    const { status, headers, body } = await tenant.call('GET', '/audit-log/export?action=endpoint.create')
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
    const lines = String(body).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).seq)).toEqual([2, 3, 4])
    expect(await lastEntry()).toMatchObject({ action: 'audit_log.export', after: { action: 'endpoint.create' } })
  })

  it('goes with its tenant, checkpoints too', async () => {
    await tenant.endpoint()
    await runCron('audit.upkeep')
    await eventually('a checkpoint', async () => (await checkpointFiles()).length === 1)
    await tenant.call('DELETE', '?endpoints=delete')
    skip(3 * 60 * 60 * 1000)
    await runCron('tenants.purge')
    const count = await env.DB.prepare('SELECT COUNT(*) AS count FROM audit_log WHERE tenant_id = ?')
      .bind(tenant.id)
      .first<number>('count')
    expect(count).toBe(0)
    expect(await checkpointFiles()).toEqual([])
  })
})

const isReply = (result: unknown): result is Reply =>
  typeof result === 'object' && result !== null && 'headers' in result && 'body' in result

const checkpointFiles = async () => (await env.PAYLOADS.list({ prefix: `$audit/${tenant.id}/` })).objects

const LONG_AGO = '2020-01-01T00:00:00Z'

async function keyOf(of: TenantHandle): Promise<string> {
  return (await of.call('POST', '/keys', { body: { name: 'one', role: 'viewer' } })).body.id
}

async function sourceOf(of: TenantHandle): Promise<string> {
  return (await of.call('POST', '/sources', { body: { name: 'one', provider: 'github' } })).body.id
}

async function typeOf(of: TenantHandle): Promise<string> {
  return (await of.call('POST', '/event-types', { body: { name: 'a.b' } })).body.name
}

async function versionedType(of: TenantHandle): Promise<string> {
  await of.call('POST', '/event-types', { body: { name: 'a.b', schema: { type: 'object' } } })
  await of.call('PATCH', '/event-types/a.b', { body: { schema: { type: 'string' } } })
  return 'a.b'
}
