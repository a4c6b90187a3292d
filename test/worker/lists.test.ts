import { beforeAll, describe, expect, it } from 'vitest'
import { type Operation, operationsOf, pathFor, readDocument } from './api-document.ts'
import { call, createTenant, type Json, type TenantHandle } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'
import { insertSource } from './source-row.ts'

const lists = operationsOf(await readDocument()).filter(({ contract }) =>
  (contract.parameters ?? []).some(({ name }: Json) => name === 'limit'),
)
const named = lists.map((operation) => [operation.path, operation] as const)

const cursor = (key: unknown) => btoa(JSON.stringify(key)).replaceAll('=', '')

let tenant: TenantHandle
let source: string

beforeAll(async () => {
  tenant = await createTenant()
  source = await insertSource(tenant.id)
})

const list = (operation: Operation, query: string) =>
  call('GET', `${pathFor(operation, tenant.id, { source })}?${query}`)

describe.each(named)('the list %s', (_path, operation) => {
  it('is a page and where the next begins', async () => {
    const { status, body } = await list(operation, '')
    expect(status).toBe(200)
    expect(Object.keys(body).toSorted()).toEqual(['data', 'next_cursor'])
    expect(body.data).toBeInstanceOf(Array)
  })

  it.each(['1', '250'])('takes a limit of %s', async (limit) => {
    expect((await list(operation, `limit=${limit}`)).status).toBe(200)
  })

  it.each(['0', '251', '-1', '1.5', 'ten', '', '1e9', '0x10', '1e2', '%205%20', '%2B5', '5.0'])(
    'refuses a limit of %j',
    async (limit) => {
      const reply = await list(operation, `limit=${limit}`)
      expectProblem(reply, 422, 'invalid_request')
      expect(blamed(reply)).toEqual(['limit'])
    },
  )

  it.each([
    ['nonsense', 'nonsense'],
    ['no base64', '%C3%A4%20!'],
    ['nothing', ''],
    ['JSON of another shape', cursor({ a: 1 })],
    ['a list of something else', cursor([null, true])],
    ['too many members', cursor([1, 'a', 'b', 'c'])],
    ['SQL', cursor(["'; DROP TABLE tenants; --", 1])],
  ])('refuses a cursor that is %s', async (_what, text) => {
    expectProblem(await list(operation, `cursor=${text}`), 400, 'invalid_cursor')
  })

  it('refuses a cursor beyond all measure', async () => {
    expectProblem(await list(operation, `cursor=${'x'.repeat(1001)}`), 422, 'invalid_request')
  })
})

it('covers every list there is', () => {
  expect(lists.map(({ path }) => path).toSorted()).toEqual([
    '/v1/audit-log',
    '/v1/audit-log/checkpoints',
    '/v1/dead-letters',
    '/v1/keys',
    '/v1/tenants',
    '/v1/tenants/{tenant}/audit-log',
    '/v1/tenants/{tenant}/audit-log/checkpoints',
    '/v1/tenants/{tenant}/dead-letters',
    '/v1/tenants/{tenant}/deliveries',
    '/v1/tenants/{tenant}/endpoints',
    '/v1/tenants/{tenant}/erasures',
    '/v1/tenants/{tenant}/event-types',
    '/v1/tenants/{tenant}/keys',
    '/v1/tenants/{tenant}/messages',
    '/v1/tenants/{tenant}/sources',
    '/v1/tenants/{tenant}/sources/{source}/failures',
  ])
})
