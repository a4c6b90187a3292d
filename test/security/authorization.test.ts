/** Every route × every role × the own and a foreign tenant, against the table in expected-access.ts (OWASP API5:2023). */
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { PERMISSIONS, TENANT_ROLES } from '../../src/http/permissions.ts'
import { createApiKey } from '../../src/keys/api-key.ts'
import { type Operation, operationsOf, pathFor, readDocument } from '../worker/api-document.ts'
import { call, createTenant, eventually, type Json, type Reply, type TenantHandle } from '../worker/harness.ts'
import { expectProblem } from '../worker/problem.ts'
import { EXPECTED, mayUse, PERMISSION_OF, PERMISSION_OF_MEMBER, PUBLIC_ROUTES, ROLES } from './expected-access.ts'

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
  const made = ROLES.map(async (role) => [role, await tenant.key(role)] as const)
  keys = Object.fromEntries(await Promise.all(made))
})

describe('the table of expectations', () => {
  it('has a row for every route, which asks for that permission', () => {
    const documented = guarded.map(({ method, path, permission }) => [`${method} ${path}`, permission])
    expect(documented.length).toBeGreaterThan(40)
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(PERMISSION_OF))
  })

  it('names every member of a query that asks for a permission of its own', () => {
    const documented = guarded.flatMap(({ method, path, contract }) =>
      (contract.parameters ?? []).map((one: Json) => [`${method} ${path}?${one.name}`, one.schema['x-permission']]),
    )
    const asking = documented.filter(([, permission]) => permission !== undefined)
    expect(Object.fromEntries(asking)).toEqual(Object.fromEntries(PERMISSION_OF_MEMBER))
  })

  it('names every route that is open to everybody', () => {
    const open = operations.filter(({ permission }) => permission === 'public')
    expect(open.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(PUBLIC_ROUTES.toSorted())
  })

  it('has a row for every permission and every role, and none beside', () => {
    expect([...EXPECTED.keys()].toSorted()).toEqual(Object.keys(PERMISSIONS).toSorted())
    expect(ROLES).toEqual(TENANT_ROLES)
  })

  it('has no permission that nothing needs', () => {
    const used = new Set([...PERMISSION_OF.values(), ...PERMISSION_OF_MEMBER.values()])
    expect([...EXPECTED.keys()].filter((permission) => !used.has(permission))).toEqual([])
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
  const cells = guarded.flatMap((operation) =>
    ROLES.map((role) => {
      const verdict = mayUse(role, operation.permission) ? 'may use' : 'may not use'
      return [role, verdict, operation.method, operation.path, operation] as const
    }),
  )

  it.each(cells)('%s %s %s %s', async (role, verdict, _method, _path, operation) => {
    const reply = await ask(operation, tenant.id, keys[role] ?? '')
    if (verdict === 'may use') {
      expect([200, 204, 404, 422], JSON.stringify(reply.body)).toContain(reply.status)
      expect(reply.body?.detail).not.toBe('there is no such tenant')
    } else {
      expectProblem(reply, 403, 'forbidden')
      expect(reply.body.detail).toContain(operation.permission)
    }
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

describe('a viewer gets no further than it may', () => {
  const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override']

  it.each(OVERRIDES)('with the header %s', async (header) => {
    const endpoint = await tenant.endpoint()
    const reply = await tenant.call('GET', `/endpoints/${endpoint.id}`, {
      key: keys.viewer ?? '',
      headers: { [header]: 'DELETE' },
    })
    expect([reply.status, reply.body.id]).toEqual([200, endpoint.id])
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}`)).status).toBe(200)
  })

  it.each([
    ['a slash at the end', '/keys/'],
    ['two slashes', '//keys'],
    ['capitals', '/KEYS'],
    ['an encoded letter', '/%6Beys'],
    ['a dot', '/./keys'],
    ['a way round', '/endpoints/../keys'],
    ['an encoded way round', '/endpoints/%2E%2E/keys'],
    ['an encoded slash', '/endpoints%2F..%2Fkeys'],
    ['a parameter of a path', '/keys;role=admin'],
  ])('by writing the path with %s', async (_how, path) => {
    const reply = await tenant.call('GET', path, { key: keys.viewer ?? '' })
    expect([403, 404], JSON.stringify(reply.body)).toContain(reply.status)
  })

  it.each(named(guarded.filter(({ method }) => method === 'GET')))('with HEAD for %s %s', async (_m, _p, operation) => {
    const path = pathFor(operation, tenant.id)
    const [head, get] = [await call('HEAD', path, { key: null }), await call('GET', path, { key: null })]
    expect([head.status, get.status]).toEqual([401, 401])
  })

  it('by naming another tenant beside the path', async () => {
    for (const name of ['tenant', 'tenant_id']) {
      const named = await tenant.call('GET', `/endpoints?${name}=${other.id}`, { key: keys.viewer ?? '' })
      expectProblem(named, 422, 'invalid_request')
    }
    const reply = await tenant.call('GET', '/endpoints', {
      key: keys.viewer ?? '',
      headers: { 'x-tenant': other.id, 'x-tenant-id': other.id, 'x-original-url': `${other.path}/endpoints` },
    })
    const own = await tenant.call('GET', '/endpoints')
    expect([reply.status, reply.body.data.length]).toEqual([200, own.body.data.length])
  })

  it.each([
    [
      'in the query',
      (key: string) => call('GET', `${tenant.path}/keys?api_key=${key}&access_token=${key}`, { key: null }),
    ],
    ['as a cookie', (key: string) => tenant.call('GET', '/keys', { key: null, headers: { cookie: `token=${key}` } })],
    [
      'as a password',
      (key: string) =>
        tenant.call('GET', '/keys', { key: null, headers: { authorization: `Basic ${btoa(`api:${key}`)}` } }),
    ],
    [
      'after another',
      (key: string) =>
        tenant.call('GET', '/keys', { key: null, headers: { authorization: `Bearer nonsense, Bearer ${key}` } }),
    ],
  ])('with an admin’s key %s: a key is taken from one place only', async (_where, askWith) => {
    expectProblem(await askWith(keys.admin ?? ''), 401, 'unauthorized')
  })
})

/** What a header could give away; the request's own id and the time are of no consequence. */
function headersOf({ headers }: Reply): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name !== 'x-request-id' && name !== 'date'))
}
