/** What a key may see of a tenant, and how little a key that is none makes Postern look at. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { createApiKey } from '../../src/keys/api-key.ts'
import { call, createTenant, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

useReceivers()

const REDACTED = '[redacted]'

describe("an endpoint's own headers", () => {
  const headers = { authorization: 'Bearer s3cret', 'x-acme-pin': '1234' }
  const masked = { authorization: REDACTED, 'x-acme-pin': REDACTED }

  it.each([
    { role: 'admin', seen: headers },
    { role: 'developer', seen: headers },
    { role: 'viewer', seen: masked },
  ])('as a $role sees them', async ({ role, seen }) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ headers })
    const key = await tenant.key(role)
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}`, { key })).body.headers).toEqual(seen)
    expect((await tenant.call('GET', '/endpoints', { key })).body.data).toMatchObject([{ headers: seen }])
  })

  it.each(['admin', 'viewer'])('are masked in the record of an attempt, whatever their names (%s)', async (role) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ headers })
    const message_id = await tenant.published()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    const key = await tenant.key(role)
    const { body } = await tenant.call('GET', `/deliveries/${message_id}.${endpoint.id}`, { key })
    expect(body.attempt_log[0].request_headers).toMatchObject({ ...masked, 'webhook-id': message_id })
  })
})

describe('a well-formed key that was made up', () => {
  const ENDPOINTS = 20

  async function richTenant(): Promise<TenantHandle> {
    const tenant = await createTenant()
    for (let i = 0; i < ENDPOINTS; i++) await tenant.endpoint({ filter: `data.n = ${i}` })
    return tenant
  }

  const madeUpKey = () => createApiKey('live', (length) => crypto.getRandomValues(new Uint8Array(length)))

  /** Everything that D1 answers to `all` from now on. */
  function overhearDatabase(): Json[] {
    const answers: Json[] = []
    const prepare = env.DB.prepare.bind(env.DB)
    vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => {
      const statement = prepare(sql)
      const bind = (...values: unknown[]) => {
        const bound = prepare(sql).bind(...values)
        const realAll = bound.all.bind(bound)
        const all = async () => {
          const answer = await realAll<{ kind: string }>()
          answers.push({ kinds: answer.results.map(({ kind }) => kind), rows_read: answer.meta.rows_read })
          return answer
        }
        return Object.assign(bound, { all })
      }
      return Object.assign(statement, { bind })
    })
    return answers
  }

  it.each([
    { whose: 'nobody’s', keyFor: madeUpKey, kinds: [] },
    { whose: 'another tenant’s', keyFor: async () => (await createTenant()).key('admin'), kinds: ['key'] },
  ])('loads nothing of the tenant that it names when it is $whose', async ({ keyFor, kinds }) => {
    const tenant = await richTenant()
    const key = await keyFor()
    const answers = overhearDatabase()
    const reply = await tenant.call('GET', '/endpoints', { key })
    expect([401, 404]).toContain(reply.status)
    expect(answers.map((answer) => answer.kinds)).toEqual([kinds])
  })

  it('makes D1 read no endpoint', async () => {
    const tenant = await richTenant()
    const key = await madeUpKey()
    const answers = overhearDatabase()
    await tenant.call('GET', '/endpoints', { key })
    expect(
      answers.map(({ rows_read }) => rows_read < ENDPOINTS),
      JSON.stringify(answers),
    ).toEqual([true])
  })

  it('or a tenant that is none, is asked about each time, so that what is made up pushes nothing out of memory', async () => {
    const own = await createTenant()
    const keys = [await own.key('admin'), await madeUpKey()]
    const answers = overhearDatabase()
    for (const key of keys) for (let i = 0; i < 2; i++) await call('GET', '/v1/tenants/made-up/endpoints', { key })
    expect(answers).toHaveLength(4)
  })

  it('is refused wherever it is used', async () => {
    const tenant = await richTenant()
    const key = await madeUpKey()
    expectProblem(await tenant.call('GET', '/endpoints', { key }), 401, 'unauthorized')
    expectProblem(await call('GET', '/v1/tenants/no-such-tenant/endpoints', { key }), 401, 'unauthorized')
  })

  it('does not stand in the way of a good one', async () => {
    const tenant = await richTenant()
    const viewer = await tenant.key('viewer')
    await tenant.call('GET', '/endpoints', { key: await madeUpKey() })
    for (const key of [viewer, undefined]) {
      const reply = await tenant.call('GET', '/endpoints', key === undefined ? {} : { key })
      expect(reply.body.data).toHaveLength(ENDPOINTS)
    }
  })
})
