/** Sources as their owners manage them. What a source does with requests is in the tests of the inbound door. */
import { env, exports } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps, type Deps } from '../../src/deps.ts'
import { liveCredentials } from '../../src/sources/credentials.ts'
import { PROVIDER_NAMES, PROVIDERS } from '../../src/sources/providers.ts'
import { type SourceRow, sources } from '../../src/sources/table.ts'
import { bearerOf, stopClock } from './authenticator.ts'
import { call, createTenant, type Json, skip, type TenantHandle, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const STRIPE = { secret: 'whsec_for-tests-only' }

useReceivers()
let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
})

const deps = (): Deps => createDeps(env, () => {})

async function create(fields: Json = {}): Promise<Json> {
  const { status, body } = await tenant.call('POST', '/sources', {
    body: { name: 'code', provider: 'github', ...fields },
  })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

async function rotate(id: string, body?: Json): Promise<Json> {
  const reply = await tenant.call('POST', `/sources/${id}/secret/rotate`, { body })
  expect(reply.status, JSON.stringify(reply.body)).toBe(200)
  return reply.body
}

const get = async (id: string): Promise<Json> => (await tenant.call('GET', `/sources/${id}`)).body
const patch = (id: string, body: Json) => tenant.call('PATCH', `/sources/${id}`, { body })

async function rowOf(id: string): Promise<SourceRow> {
  const row = (await deps().db.select().from(sources)).find((one) => one.id === id)
  if (row === undefined) throw new Error('a source that was created has a row')
  return row
}

/** What a request to the source is verified with. */
const believed = async (id: string) => liveCredentials(deps(), await rowOf(id), Date.now())

const entries = async (): Promise<Json[]> => (await tenant.call('GET', '/audit-log')).body.data

describe('a source', () => {
  it('needs a name and a provider, and gets a URL that nobody can guess', async () => {
    const { credentials, ...shown } = await create()
    expect(shown).toEqual({
      id: expect.stringMatching(/^src_[0-9A-HJKMNP-TV-Z]{26}$/),
      url: `https://postern.test/in/${shown.id}`,
      name: 'code',
      provider: 'github',
      settings: {},
      tolerance_s: 300,
      ip_allowlist: null,
      rate_limit_per_s: null,
      body_bytes_max: 26_214_400,
      answer: null,
      event_type_prefix: 'github',
      channels: [],
      public_url: null,
      paused: false,
      is_verified: true,
      has_credentials: true,
      credentials_expire_at: null,
      paused_at: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: shown.created_at,
    })
    expect(credentials).toEqual({ secret: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(await get(shown.id)).toEqual(shown)
  })

  it('keeps whatever it was given', async () => {
    const wanted = {
      name: 'Stripe, live',
      provider: 'stripe',
      tolerance_s: 10,
      ip_allowlist: ['203.0.113.0/24', '2001:db8::/32'],
      rate_limit_per_s: 10_000,
      body_bytes_max: 1,
      answer: { status: 202, content_type: 'application/json', body: '{"taken":true}' },
      event_type_prefix: 'payments.live',
      channels: ['eu', 'de:berlin'],
      public_url: 'https://hooks.acme.test/stripe?live=1',
      paused: true,
    }
    const { id, paused_at, created_at } = await create({ ...wanted, credentials: STRIPE })
    expect(await get(id)).toMatchObject({ ...wanted, settings: {} })
    expect(paused_at).toBe(created_at)
  })

  it('answers with an empty text unless told otherwise', async () => {
    const { answer } = await create({ answer: { status: 204 } })
    expect(answer).toEqual({ status: 204, content_type: 'text/plain', body: '' })
  })

  it('names the host under which it was asked for', async () => {
    const { id } = await create()
    const headers = { authorization: `Bearer ${env.POSTERN_OPERATOR_KEY}` }
    const reply = await exports.default.fetch(`https://hooks.acme.test${tenant.path}/sources/${id}`, { headers })
    expect(await reply.json()).toMatchObject({ url: `https://hooks.acme.test/in/${id}` })
  })

  it.each(PROVIDER_NAMES.filter((name) => PROVIDERS[name].settings.safeParse({}).success))(
    'of the provider %s says whether anything is verified',
    async (provider) => {
      const { is_verified } = await create({ provider })
      expect(is_verified).toBe((provider as string) !== 'none')
    },
  )

  it('is listed newest first, page by page, and among its tenant’s own alone', async () => {
    const other = await createTenant()
    await other.call('POST', '/sources', { body: { name: 'theirs', provider: 'github' } })
    const made: string[] = []
    for (let n = 0; n < 5; n++) {
      made.unshift((await create({ name: `source ${n}` })).id)
      skip(1)
    }
    const listed: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = `limit=2${cursor && `&cursor=${cursor}`}`
      const { data, next_cursor } = (await tenant.call('GET', `/sources?${query}`)).body
      expect(data.length).toBeLessThanOrEqual(2)
      listed.push(...data.map(({ id }: Json) => id))
      cursor = next_cursor
    }
    expect(listed).toEqual(made)
  })

  it('is shown in a list as it is alone', async () => {
    const { id } = await create({ paused: true })
    expect((await tenant.call('GET', '/sources')).body).toEqual({ data: [await get(id)], next_cursor: null })
  })
})

describe('a change', () => {
  it('is of what it names and of nothing else', async () => {
    const { credentials: _shown, ...before } = await create({ tolerance_s: 60, channels: ['eu'] })
    skip(1000)
    const { status, body } = await patch(before.id, { name: 'renamed', event_type_prefix: 'gh' })
    expect(status).toBe(200)
    expect(body).toEqual({ ...before, name: 'renamed', event_type_prefix: 'gh', updated_at: expect.any(String) })
    expect(Date.parse(body.updated_at)).toBeGreaterThan(Date.parse(before.updated_at))
    expect(await get(before.id)).toEqual(body)
  })

  it('takes back what was set', async () => {
    const { id } = await create({
      ip_allowlist: ['192.0.2.1'],
      rate_limit_per_s: 1,
      answer: { status: 200 },
      public_url: 'https://hooks.acme.test/',
    })
    const gone = { ip_allowlist: null, rate_limit_per_s: null, answer: null, public_url: null }
    expect((await patch(id, gone)).body).toMatchObject(gone)
  })

  it('replaces all settings, with what its provider makes of those that are given', async () => {
    const { id } = await create()
    await env.DB.prepare('UPDATE sources SET settings = ? WHERE id = ?').bind('{"old":1}', id).run()
    expect((await patch(id, { name: 'x' })).body.settings).toEqual({ old: 1 })
    expect((await patch(id, { settings: {} })).body.settings).toEqual({})
  })

  it('leaves the credentials alone', async () => {
    const { id, credentials } = await create()
    await patch(id, { name: 'renamed', settings: {} })
    expect(await believed(id)).toEqual([credentials])
  })

  it('to paused says since when, and is undone by another', async () => {
    const { id } = await create()
    const { body } = await patch(id, { paused: true })
    expect(body).toMatchObject({ paused: true, paused_at: expect.stringMatching(/Z$/) })
    skip(60_000)
    expect((await patch(id, { paused: true })).body.paused_at).toBe(body.paused_at)
    expect((await patch(id, { name: 'still paused' })).body.paused_at).toBe(body.paused_at)
    expect((await patch(id, { paused: false })).body).toMatchObject({ paused: false, paused_at: null })
  })

  it('and another at the same time both survive', async () => {
    const { id } = await create()
    await Promise.all([
      patch(id, { name: 'renamed' }),
      patch(id, { tolerance_s: 20 }),
      patch(id, { channels: ['eu'] }),
      rotate(id),
    ])
    expect(await get(id)).toMatchObject({ name: 'renamed', tolerance_s: 20, channels: ['eu'] })
    expect(await believed(id)).toHaveLength(2)
  })
})

describe('credentials', () => {
  it('are sealed for their source alone, and shown to nobody', async () => {
    const { id, credentials } = await create({ provider: 'stripe', credentials: STRIPE })
    expect(credentials).toBeNull()
    expect(await believed(id)).toEqual([STRIPE])
    const row = await rowOf(id)
    expect(JSON.stringify(row)).not.toContain(STRIPE.secret)
    const shown = [await get(id), (await tenant.call('GET', '/sources')).body, await entries()]
    expect(JSON.stringify(shown)).not.toContain(STRIPE.secret)
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    await expect(liveCredentials(deps(), { ...row, id: (await create()).id }, Date.now())).rejects.toThrow('decrypted')
    expect(logged).toHaveBeenCalledTimes(1)
  })

  it('that were brought along are not shown again', async () => {
    expect((await create({ credentials: { secret: 'a secret of mine' } })).credentials).toBeNull()
  })

  it('that nobody gave make a source that believes nobody, until a rotation brings some', async () => {
    const made = await create({ provider: 'stripe' })
    expect(made).toMatchObject({ has_credentials: false, credentials: null })
    expect(await believed(made.id)).toEqual([])
    const { has_credentials, credentials, credentials_expire_at } = await rotate(made.id, { credentials: STRIPE })
    expect({ has_credentials, credentials, credentials_expire_at }).toEqual({
      has_credentials: true,
      credentials: null,
      credentials_expire_at: null,
    })
    expect(await believed(made.id)).toEqual([STRIPE])
  })
})

describe('a rotation', () => {
  it('makes new credentials, shows them once, and believes the old ones for a day', async () => {
    const { id, credentials: old } = await create()
    const { credentials, ...shown } = await rotate(id)
    expect(credentials).toEqual({ secret: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(credentials).not.toEqual(old)
    expect(await get(id)).toEqual(shown)
    // The clock is read once more, after the new ones were sealed.
    const overlap_ms = Date.parse(shown.credentials_expire_at) - Date.parse(shown.updated_at)
    expect(overlap_ms).toBeGreaterThan(DAY_MS - 1000)
    expect(overlap_ms).toBeLessThanOrEqual(DAY_MS)
    expect(await believed(id)).toEqual([credentials, old])
    skip(DAY_MS)
    expect(await believed(id)).toEqual([credentials])
    expect((await get(id)).credentials_expire_at).toBeNull()
  })

  it('without an overlap ends all others at once', async () => {
    const { id } = await create()
    await rotate(id)
    const { credentials, credentials_expire_at } = await rotate(id, { overlap_s: 0 })
    expect(await believed(id)).toEqual([credentials])
    expect(credentials_expire_at).toBeNull()
  })

  it('shortens the overlap of earlier ones, and prolongs none', async () => {
    const { id } = await create()
    await rotate(id, { overlap_s: 600 })
    expect((await rotate(id, { overlap_s: 604_800 })).has_credentials).toBe(true)
    expect((await rowOf(id)).credentials.map(({ expires_at }) => expires_at !== null)).toEqual([false, true, true])
    skip(600_000)
    expect(await believed(id)).toHaveLength(2)
    await rotate(id, { overlap_s: 60 })
    skip(60_000)
    expect(await believed(id)).toHaveLength(1)
  })

  it('takes credentials of the caller’s own, and does not say them back', async () => {
    const { id, credentials: old } = await create()
    const own = { secret: 'a secret of mine' }
    expect((await rotate(id, { credentials: own, overlap_s: 60 })).credentials).toBeNull()
    expect(await believed(id)).toEqual([own, old])
  })

  it('of an enrolled key asks for a one-time code', async () => {
    const { id } = await create()
    stopClock()
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const admin = await (await bearerOf(tenant)).enrol()
    const path = `${tenant.path}/sources/${id}/secret/rotate`
    expectProblem(await admin.ask('POST', path), 403, 'totp_required')
    expect(await believed(id)).toHaveLength(1)
    expect((await admin.ask('POST', path, admin.code())).status).toBe(200)
  })
})

describe('a source that is deleted', () => {
  it('is gone, with what is known of requests that it refused', async () => {
    const { id } = await create()
    const kept = await create({ name: 'kept' })
    for (const source of [id, kept.id]) {
      await env.DB.prepare(
        `INSERT INTO source_failures (tenant_id, source_id, minute, reason, address, count, last_at, header_names)
          VALUES (?, ?, 0, 'signature_mismatch', '192.0.2.1', 1, 0, '[]')`,
      )
        .bind(tenant.id, source)
        .run()
    }
    const { status, body } = await tenant.call('DELETE', `/sources/${id}`)
    expect([status, body]).toEqual([204, null])
    expectProblem(await tenant.call('GET', `/sources/${id}`), 404, 'not_found')
    expect((await tenant.call('GET', '/sources')).body.data.map(({ id }: Json) => id)).toEqual([kept.id])
    const { results } = await env.DB.prepare('SELECT source_id FROM source_failures WHERE tenant_id = ?')
      .bind(tenant.id)
      .all()
    expect(results).toEqual([{ source_id: kept.id }])
  })

  it('leaves the messages that it has parked', async () => {
    const { id } = await create({ paused: true })
    const message = await tenant.published({ type: 'github.push' })
    const park = env.DB.prepare('UPDATE unmatched_messages SET parked_by = ? WHERE tenant_id = ? AND id = ?')
    expect((await park.bind(id, tenant.id, message).run()).meta.changes).toBe(1)
    await tenant.call('DELETE', `/sources/${id}`)
    expect((await tenant.call('GET', `/messages/${message}`)).body.id).toBe(message)
    const endpoint = await tenant.endpoint()
    const replayed = await tenant.call('POST', `/messages/${message}/replay`, { body: { endpoint_ids: [endpoint.id] } })
    expect(replayed.status, JSON.stringify(replayed.body)).toBe(202)
    await tenant.deliveryIn('succeeded', message, endpoint.id)
  })
})

describe('the audit log', () => {
  it('says what was made, changed, rotated and deleted, without any credentials', async () => {
    const { id, credentials } = await create({ name: 'first' })
    await patch(id, { name: 'second', paused: true })
    const rotated = await rotate(id)
    await tenant.call('DELETE', `/sources/${id}`)
    const [deleted, changed_credentials, changed, created] = await entries()
    expect(created).toMatchObject({
      action: 'source.create',
      target: id,
      before: null,
      after: { name: 'first', provider: 'github', credentials: [{ expires_at: null }] },
    })
    expect(changed).toMatchObject({
      action: 'source.update',
      target: id,
      before: { name: 'first', paused: false, paused_at: null },
      after: { name: 'second', paused: true, paused_at: expect.any(String) },
    })
    expect(changed_credentials).toMatchObject({
      action: 'source.secret.rotate',
      before: { credentials: [{ expires_at: null }] },
      after: { credentials: [{ expires_at: null }, { expires_at: expect.any(Number) }] },
    })
    expect(Object.keys(changed_credentials.after)).toEqual(['credentials'])
    expect(deleted).toMatchObject({ action: 'source.delete', target: id, before: { name: 'second' }, after: null })
    const text = JSON.stringify(await entries())
    for (const { secret } of [credentials, rotated.credentials]) expect(text).not.toContain(secret)
    expect(text).not.toContain('sealed')
  })
})

describe('a limit of the tenant', () => {
  it('is how many sources it may have', async () => {
    tenant = await createTenant({ limits: { sources: 2 } })
    const { id } = await create()
    await create()
    const body = { name: 'one too many', provider: 'github' }
    expectProblem(await tenant.call('POST', '/sources', { body }), 422, 'limit_reached')
    await tenant.call('DELETE', `/sources/${id}`)
    await create()
    expect((await call('PATCH', tenant.path, { body: { limits: { sources: 0 } } })).body.limits.sources).toBe(0)
    expectProblem(await tenant.call('POST', '/sources', { body }), 422, 'limit_reached')
  })

  it('holds when many ask at once', async () => {
    tenant = await createTenant({ limits: { sources: 3 } })
    const body = { name: 'one of many', provider: 'github' }
    const asked = Array.from({ length: 8 }, () => tenant.call('POST', '/sources', { body }))
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([201, 201, 201, 422, 422, 422, 422, 422])
  })
})
