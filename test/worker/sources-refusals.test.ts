import { z } from '@hono/zod-openapi'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PROVIDERS } from '../../src/sources/providers.ts'
import { call, createTenant, type Json, type TenantHandle } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
})

afterEach(() => {
  vi.restoreAllMocks()
})

const create = (fields: Json) =>
  tenant.call('POST', '/sources', { body: { name: 'code', provider: 'github', ...fields } })

async function created(fields: Json = {}): Promise<Json> {
  const { status, body } = await create(fields)
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

const rotate = (id: string, body?: Json) => tenant.call('POST', `/sources/${id}/secret/rotate`, { body })

const answering = (fields: Json) => ({ answer: { status: 200, content_type: 'text/plain', body: '', ...fields } })

/** Bad values, whether a source is made with them or changed to them. */
const REFUSED: [string, Json, string][] = [
  ['no text for a name', { name: 7 }, 'name'],
  ['an empty name', { name: ' ' }, 'name'],
  ['a name of 201 characters', { name: 'x'.repeat(201) }, 'name'],
  ['a name of two lines', { name: 'a\nb' }, 'name'],
  ['a list for settings', { settings: [] }, 'settings'],
  ['no settings at all', { settings: null }, 'settings'],
  ['settings that its provider does not know', { settings: { colour: 'red' } }, 'settings'],
  ['a tolerance of 9 s', { tolerance_s: 9 }, 'tolerance_s'],
  ['a tolerance of more than three days', { tolerance_s: 259_201 }, 'tolerance_s'],
  ['a list of no addresses', { ip_allowlist: [] }, 'ip_allowlist'],
  ['an address that is none', { ip_allowlist: ['192.0.2.1', '10.0.0.0/33'] }, 'ip_allowlist.1'],
  ['101 addresses', { ip_allowlist: Array.from({ length: 101 }, (_, i) => `192.0.2.${i}`) }, 'ip_allowlist'],
  ['a rate of 0', { rate_limit_per_s: 0 }, 'rate_limit_per_s'],
  ['a rate beyond all measure', { rate_limit_per_s: 10_001 }, 'rate_limit_per_s'],
  ['bodies of nothing', { body_bytes_max: 0 }, 'body_bytes_max'],
  ['bodies of more than 25 MiB', { body_bytes_max: 26_214_401 }, 'body_bytes_max'],
  ['a refusal for an answer', answering({ status: 400 }), 'answer.status'],
  ['an interim answer', answering({ status: 199 }), 'answer.status'],
  ['an answer of no media type', answering({ content_type: 'text' }), 'answer.content_type'],
  ['an answer with another header in its type', answering({ content_type: 'a/b\r\nx: y' }), 'answer.content_type'],
  ['an answer of 4,097 characters', answering({ body: 'x'.repeat(4097) }), 'answer.body'],
  ['no content that has content', answering({ status: 204, body: 'x' }), 'answer.body'],
  ['an answer with headers', answering({ headers: { a: 'b' } }), 'answer'],
  ['a prefix that is no event type', { event_type_prefix: 'a..b' }, 'event_type_prefix'],
  ['a prefix of 65 characters', { event_type_prefix: 'x'.repeat(65) }, 'event_type_prefix'],
  ['a channel with a space', { channels: ['e u'] }, 'channels.0'],
  ['21 channels', { channels: Array(21).fill('eu') }, 'channels'],
  ['a URL without TLS', { public_url: 'http://hooks.acme.test/' }, 'public_url'],
  ['a URL that is none', { public_url: 'https://' }, 'public_url'],
  ['a URL with a space', { public_url: 'https://hooks.acme.test/a b' }, 'public_url'],
  ['a URL with a password', { public_url: 'https://user:password@hooks.acme.test/' }, 'public_url'],
  ['a URL with an empty fragment', { public_url: 'https://hooks.acme.test/#' }, 'public_url'],
  ['a URL of 2,049 characters', { public_url: `https://hooks.acme.test/${'x'.repeat(2025)}` }, 'public_url'],
  ['neither paused nor not', { paused: 'yes' }, 'paused'],
]

describe('a source is refused', () => {
  it.each(REFUSED)('%s, when it is made', async (_what, fields, member) => {
    const reply = await create(fields)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', '/sources')).body.data).toEqual([])
  })

  it.each(REFUSED)('%s, when it is changed', async (_what, fields, member) => {
    const { id } = await created()
    const before = (await tenant.call('GET', `/sources/${id}`)).body
    const reply = await tenant.call('PATCH', `/sources/${id}`, { body: { channels: ['eu'], ...fields } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', `/sources/${id}`)).body).toEqual(before)
  })

  it.each([
    ['no name', { name: undefined }, 'name'],
    ['no provider', { provider: undefined }, 'provider'],
    ['a provider that there is not', { provider: 'acme' }, 'provider'],
    ['the name of what every object has for a provider', { provider: 'constructor' }, 'provider'],
    ['a text for credentials', { credentials: 'secret' }, 'credentials'],
    [
      'credentials that its provider does not know',
      { credentials: { secret: 'long enough', key: 'x' } },
      'credentials',
    ],
    ['credentials of nothing', { credentials: {} }, 'credentials.secret'],
    ['a secret that is too short', { credentials: { secret: 'short' } }, 'credentials.secret'],
    ['a secret of another kind', { provider: 'stripe', credentials: { secret: 'sk_live' } }, 'credentials.secret'],
  ])('%s', async (_what, fields, member) => {
    const reply = await create(fields)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })

  it('with the member that its provider finds wrong in its settings', async () => {
    const settings = z.strictObject({ topics: z.array(z.string().min(3)).min(1) })
    vi.spyOn(PROVIDERS.github, 'settings', 'get').mockReturnValue(settings)
    expect(blamed(await create({}))).toEqual(['settings.topics'])
    expect(blamed(await create({ settings: { topics: ['fine', 'x'] } }))).toEqual(['settings.topics.1'])
    const { id } = await created({ settings: { topics: ['fine'] } })
    const changed = await tenant.call('PATCH', `/sources/${id}`, { body: { settings: {} } })
    expectProblem(changed, 422, 'invalid_request')
    expect(blamed(changed)).toEqual(['settings.topics'])
    expect(changed.body.detail).toMatch(/^settings\.topics: /)
  })

  it.each(['id', 'url', 'is_verified', 'has_credentials', 'paused_at', 'tenant_id', 'created_at', '__proto__'])(
    'for a member %s, which is not for callers to set',
    async (name) => {
      const { id } = await created()
      const text = (more: string) => `{"name": "x"${more}, ${JSON.stringify(name)}: {}}`
      expectProblem(
        await tenant.call('POST', '/sources', { text: text(', "provider": "github"') }),
        422,
        'invalid_request',
      )
      expectProblem(await tenant.call('PATCH', `/sources/${id}`, { text: text('') }), 422, 'invalid_request')
    },
  )

  it.each([
    ['another provider', { provider: 'stripe' }],
    ['the provider that it has', { provider: 'github' }],
    ['credentials, which a rotation changes', { credentials: { secret: 'a secret of mine' } }],
  ])('a change to %s', async (_what, body) => {
    const { id } = await created()
    expectProblem(await tenant.call('PATCH', `/sources/${id}`, { body }), 422, 'invalid_request')
    expect((await tenant.call('GET', `/sources/${id}`)).body.provider).toBe('github')
  })

  it('without quoting the credentials that were wrong', async () => {
    const secret = 'not-a-secret-of-stripe'
    const reply = await create({ provider: 'stripe', credentials: { secret } })
    expectProblem(reply, 422, 'invalid_request')
    expect(JSON.stringify(reply.body)).not.toContain(secret)
  })
})

describe('a rotation is refused', () => {
  it.each([
    ['an overlap below 0', { overlap_s: -1 }, 'overlap_s'],
    ['an overlap of more than a week', { overlap_s: 604_801 }, 'overlap_s'],
    ['credentials that its provider refuses', { credentials: { secret: 'short' } }, 'credentials.secret'],
    ['no object for credentials', { credentials: null }, 'credentials'],
  ])('with %s', async (_what, body, member) => {
    const { id } = await created()
    const before = (await tenant.call('GET', `/sources/${id}`)).body
    const reply = await rotate(id, body)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', `/sources/${id}`)).body).toEqual(before)
  })

  it('without credentials, where they are the provider’s to make', async () => {
    const { id } = await created({ provider: 'stripe' })
    const reply = await rotate(id)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['credentials'])
  })

  it('for a sixth set that would be believed at once, unless the others end', async () => {
    const { id } = await created()
    for (let n = 0; n < 4; n++) expect((await rotate(id)).status).toBe(200)
    expectProblem(await rotate(id), 422, 'limit_reached')
    expect((await rotate(id, { overlap_s: 0 })).status).toBe(200)
    expect((await rotate(id)).status).toBe(200)
  })

  it('where the provider has no credentials', async () => {
    vi.spyOn(PROVIDERS.github, 'credentials', 'get').mockReturnValue(z.strictObject({}))
    const made = await created()
    expect(made).toMatchObject({ has_credentials: true, credentials: null })
    expectProblem(await rotate(made.id), 409, 'credentials_unused')
    expectProblem(await rotate(made.id, { credentials: {} }), 409, 'credentials_unused')
    const given = await create({ credentials: { secret: 'for nothing' } })
    expectProblem(given, 422, 'invalid_request')
    expect(blamed(given)).toEqual(['credentials'])
    expect((await created({ credentials: {} })).has_credentials).toBe(true)
  })
})

describe('a source that is not there', () => {
  it.each([
    ['GET', '', undefined],
    ['PATCH', '', { name: 'x' }],
    ['DELETE', '', undefined],
    ['POST', '/secret/rotate', undefined],
  ])('is not found by %s %s', async (method, rest, body) => {
    const theirs = (await created()).id
    const mine = await createTenant()
    for (const id of [theirs, 'src_none', `src_${'0'.repeat(26)}`]) {
      expectProblem(await mine.call(method, `/sources/${id}${rest}`, { body }), 404, 'not_found')
    }
    expect((await tenant.call('GET', `/sources/${theirs}`)).status).toBe(200)
  })

  it('is not made for a tenant that is not there', async () => {
    const body = { name: 'x', provider: 'github' }
    expectProblem(await call('POST', '/v1/tenants/nobody/sources', { body }), 404, 'not_found')
  })
})
