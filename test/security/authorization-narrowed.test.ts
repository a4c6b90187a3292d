/** The matrix of authorization.test.ts for keys that hold less than their role: every route, by scope and by address. */
import { beforeAll, describe, expect, it } from 'vitest'
import { type Operation, operationsOf, pathFor, readDocument } from '../worker/api-document.ts'
import { call, createTenant, type Reply, type TenantHandle } from '../worker/harness.ts'
import { expectProblem } from '../worker/problem.ts'
import { EXPECTED, mayUse, ROLES } from './expected-access.ts'

const operations = operationsOf(await readDocument())
const guarded = operations.filter(({ permission }) => permission !== 'public')
const tenantWide = guarded.filter(({ path }) => path.includes('{tenant}'))
const named = (list: Operation[]) => list.map((operation) => [operation.method, operation.path, operation] as const)

/** A body that no route accepts, so that a route that lets a key through does nothing. */
function ask(operation: Operation, tenant_id: string, key: string, address?: string): Promise<Reply> {
  const body = operation.contract.requestBody === undefined ? undefined : { 'no such member': true }
  const headers: Record<string, string> = address === undefined ? {} : { 'cf-connecting-ip': address }
  return call(operation.method, pathFor(operation, tenant_id), { key, body, headers })
}

let tenant: TenantHandle
let other: TenantHandle

beforeAll(async () => {
  ;[tenant, other] = await Promise.all([createTenant({ limits: { keys: 1000 } }), createTenant()])
})

async function tenantKey(fields: Record<string, unknown>): Promise<string> {
  const { status, body } = await tenant.call('POST', '/keys', { body: { name: 'narrow', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body.key
}

/** Does something with an operator's key, of which there may only be so many. */
async function withOperatorKey(fields: Record<string, unknown>, use: (key: string) => Promise<void>): Promise<void> {
  const { status, body } = await call('POST', '/v1/keys', { body: { name: 'narrow', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  await use(body.key)
  expect((await call('DELETE', `/v1/keys/${body.id}`)).status).toBe(204)
}

/** Whether the route let this key through, whatever it thought of the request then. */
function isLetThrough({ status, body }: Reply): boolean {
  return status !== 401 && status !== 403 && body?.detail !== 'there is no such tenant'
}

describe('with a key whose only scope is the permission of the route', () => {
  const of_tenants = guarded.filter(({ permission }) => mayUse('admin', permission))
  // All but the one that would do it: the tenant is real.
  const harmless = guarded.filter(({ permission }) => permission !== 'tenant.delete')

  it.each(named(of_tenants))('%s %s lets a tenant’s key through', async (_method, _path, operation) => {
    for (const role of ROLES) {
      if (!mayUse(role, operation.permission)) continue
      const key = await tenantKey({ role, scopes: [operation.permission] })
      const reply = await ask(operation, tenant.id, key)
      expect([role, isLetThrough(reply)], JSON.stringify(reply.body)).toEqual([role, true])
    }
  })

  it('lets an operator’s key through each of its routes, and no other', { timeout: 60_000 }, async () => {
    for (const permission of EXPECTED.keys()) {
      await withOperatorKey({ scopes: [permission] }, async (key) => {
        for (const operation of harmless) {
          const is_let_through = isLetThrough(await ask(operation, tenant.id, key))
          const where = `${permission}: ${operation.method} ${operation.path}`
          expect([where, is_let_through]).toEqual([where, operation.permission === permission])
        }
      })
    }
  })
})

describe('with a key that has every scope but the permission of the route', () => {
  it.each(named(tenantWide))('%s %s refuses an admin’s', async (_method, _path, operation) => {
    const held = [...EXPECTED.keys()].filter((permission) => mayUse('admin', permission))
    const scopes = held.filter((scope) => scope !== operation.permission)
    const reply = await ask(operation, tenant.id, await tenantKey({ role: 'admin', scopes }))
    expectProblem(reply, 403, 'forbidden')
    expect(reply.body.detail).toContain(operation.permission)
  })

  it.each(named(guarded))('%s %s refuses an operator’s', async (_method, _path, operation) => {
    const scopes = [...EXPECTED.keys()].filter((scope) => scope !== operation.permission)
    await withOperatorKey({ scopes }, async (key) => {
      expectProblem(await ask(operation, tenant.id, key), 403, 'forbidden')
    })
  })
})

describe('with a key that is bound to addresses', () => {
  let keys: string[]

  beforeAll(async () => {
    const ip_allowlist = ['203.0.113.0/24']
    keys = await Promise.all(ROLES.map((role) => tenantKey({ role, ip_allowlist })))
  })

  it.each(named(guarded))('%s %s is closed from elsewhere, whoever’s tenant it names', async (_m, _p, operation) => {
    const expectClosed = async (key: string) => {
      const replies = await Promise.all([
        ask(operation, tenant.id, key, '198.51.100.1'),
        ask(operation, other.id, key, '198.51.100.1'),
        ask(operation, 'nobody', key, '198.51.100.1'),
        ask(operation, tenant.id, key),
      ])
      for (const reply of replies) expectProblem(reply, 403, 'address_not_allowed')
      expect(new Set(replies.map(({ body }) => JSON.stringify({ ...body, request_id: '' }))).size).toBe(1)
    }
    for (const key of keys) await expectClosed(key)
    await withOperatorKey({ ip_allowlist: ['203.0.113.0/24'] }, expectClosed)
  })
})
