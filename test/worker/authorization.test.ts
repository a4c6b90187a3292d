import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { isPermitted, PERMISSIONS, type Permission, TENANT_ROLES } from '../../src/http/permissions.ts'
import { createApiKey } from '../../src/keys/api-key.ts'
import { type Operation, operationsOf, pathFor, readDocument } from './api-document.ts'
import { call, createTenant, eventually, type Reply, type TenantHandle } from './harness.ts'
import { expectProblem } from './problem.ts'

const operations = operationsOf(await readDocument())
const guarded = operations.filter(({ permission }) => permission !== 'public')
const tenantWide = guarded.filter(({ path }) => path.includes('{tenant}'))
const named = (list: Operation[]) => list.map((operation) => [operation.method, operation.path, operation] as const)

/** A body that no route accepts, so that a route that lets a key through does nothing. */
const NOTHING = { 'no such member': true }

/** Asks the route about this tenant; `DELETE` and `GET` have ids that nothing has, all else a body that nothing takes. */
function ask(operation: Operation, tenant_id: string, key: string | null): Promise<Reply> {
  const body = operation.contract.requestBody === undefined ? undefined : NOTHING
  return call(operation.method, pathFor(operation, tenant_id), { key, body })
}

let tenant: TenantHandle
let other: TenantHandle
let keys: Record<string, string>

beforeAll(async () => {
  ;[tenant, other] = await Promise.all([createTenant(), createTenant()])
  const made = TENANT_ROLES.map(async (role) => [role, await tenant.key(role)] as const)
  keys = Object.fromEntries(await Promise.all(made))
})

describe('the routes', () => {
  it('all say who may use them, with a permission that exists', () => {
    expect(operations.length).toBeGreaterThan(40)
    const unknown = guarded.filter(({ permission }) => !(permission in PERMISSIONS))
    expect(unknown.map(({ method, path }) => `${method} ${path}`)).toEqual([])
  })

  it('are open to everybody for health alone', () => {
    const open = operations.filter(({ permission }) => permission === 'public').map(({ path }) => path)
    expect(open.toSorted()).toEqual(['/healthz', '/readyz'])
  })

  it('leave no permission unused', () => {
    // A member of the query may need one beside that of its route.
    const members = guarded.flatMap(({ contract }) => contract.parameters ?? [])
    const used = new Set([...guarded, ...members].map((one) => one.permission ?? one.schema['x-permission']))
    expect(Object.keys(PERMISSIONS).filter((permission) => !used.has(permission))).toEqual([])
  })
})

describe('without a good key', () => {
  let bad: Record<string, string | null>

  beforeAll(async () => {
    const make = async (fields: Record<string, unknown>) =>
      (await tenant.call('POST', '/keys', { body: { name: 'bad', role: 'admin', ...fields } })).body
    const [revoked, expired] = await Promise.all([
      make({}),
      make({ expires_at: new Date(Date.now() + 1000).toISOString() }),
    ])
    await tenant.call('DELETE', `/keys/${revoked.id}`)
    await eventually('the key to expire', () => Date.now() > Date.parse(expired.expires_at))
    const unknown = await createApiKey('live', (length) => crypto.getRandomValues(new Uint8Array(length)))
    bad = {
      none: null,
      malformed: 'pst_live_nonsense',
      mistyped: unknown.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      unknown,
      revoked: revoked.key,
      expired: expired.key,
    }
  })

  it.each(named(guarded))('%s %s answers 401, and not why', async (_method, _path, operation) => {
    const seen = new Set<string>()
    for (const [kind, key] of Object.entries(bad)) {
      const reply = await ask(operation, tenant.id, key)
      expect([kind, reply.status]).toEqual([kind, 401])
      expectProblem(reply, 401, 'unauthorized')
      expect(reply.headers.get('www-authenticate')).toBe('Bearer')
      seen.add(JSON.stringify({ ...reply.body, request_id: '' }))
    }
    expect(seen.size).toBe(1)
  })

  it.each(named(tenantWide))('%s %s answers the same for a tenant that does not exist', async (_m, _p, operation) => {
    const [there, absent] = [await ask(operation, tenant.id, null), await ask(operation, 'nobody', null)]
    expect({ ...absent.body, request_id: '' }).toEqual({ ...there.body, request_id: '' })
  })
})

describe('with a key of another tenant, whatever its role', () => {
  it.each(named(tenantWide))('%s %s looks as if the tenant did not exist', async (_method, _path, operation) => {
    for (const key of Object.values(keys)) {
      const [foreign, absent] = [await ask(operation, other.id, key), await ask(operation, 'nobody', key)]
      expectProblem(foreign, 404, 'not_found')
      expect({ ...foreign.body, request_id: '' }).toEqual({ ...absent.body, request_id: '' })
      expect(headersOf(foreign)).toEqual(headersOf(absent))
    }
  })
})

describe('with a key of the tenant', () => {
  it.each(named(guarded))('%s %s is for the roles that hold its permission', async (_method, _path, operation) => {
    for (const role of TENANT_ROLES) {
      const reply = await ask(operation, tenant.id, keys[role] ?? '')
      if (isPermitted({ role, scopes: null }, operation.permission as Permission)) {
        expect([role, reply.status], JSON.stringify(reply.body)).not.toEqual([role, 403])
        expect(reply.status).not.toBe(401)
        expect(reply.body?.detail).not.toBe('there is no such tenant')
      } else {
        expect([role, reply.status], JSON.stringify(reply.body)).toEqual([role, 403])
        expectProblem(reply, 403, 'forbidden')
        expect(reply.body.detail).toContain(operation.permission)
      }
    }
  })

  it.each([
    ['publisher', 'GET', '/endpoints', 403],
    ['publisher', 'GET', '/messages', 403],
    ['publisher', 'POST', '/messages', 422],
    ['viewer', 'POST', '/messages', 403],
    ['viewer', 'GET', '/endpoints/none/secret', 403],
    ['developer', 'GET', '/endpoints/none/secret', 404],
    ['developer', 'POST', '/keys', 403],
    ['developer', 'GET', '/keys', 403],
    ['admin', 'POST', '/keys', 422],
    ['auditor', 'GET', '/endpoints', 403],
    ['auditor', 'GET', '', 403],
  ])('%s: %s %s answers %i, as the roles are described', async (role, method, path, status) => {
    const body = method === 'POST' ? NOTHING : undefined
    expect((await tenant.call(method, path, { key: keys[role] ?? '', body })).status).toBe(status)
  })
})

describe('with the operator’s key', () => {
  // All but the one that would do it: the tenant is real, and tenants.test.ts shows that it can be deleted.
  const harmless = guarded.filter(({ permission }) => permission !== 'tenant.delete')

  it.each(named(harmless))('%s %s is never refused for want of a permission', async (_method, _path, operation) => {
    const reply = await ask(operation, tenant.id, env.POSTERN_OPERATOR_KEY ?? '')
    expect([401, 403]).not.toContain(reply.status)
  })
})

/** What a header could give away; the request's own id and the time are of no consequence. */
function headersOf({ headers }: Reply): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name !== 'x-request-id' && name !== 'date'))
}
