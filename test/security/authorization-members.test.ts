/** A body sets what its route is for, and nothing beside (mass assignment, OWASP API3:2023). */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operationsByTag } from '../../src/docs/model.ts'
import { operationsOf, readDocument } from '../worker/api-document.ts'
import { call, type Json, useReceivers } from '../worker/harness.ts'
import { expectProblem } from '../worker/problem.ts'
import { createPossessions, everythingOf, type Possessions, pathOf } from './possessions.ts'

const document = await readDocument()
const bodies = new Map(
  operationsByTag(document).flatMap(({ operations }) =>
    operations.map(({ method, path, example }) => [`${method.toUpperCase()} ${path}`, example] as const),
  ),
)
const changing = operationsOf(document).filter(
  ({ contract }) => contract.requestBody?.content['application/json'] !== undefined,
)
const named = changing.map((operation) => [operation.method, operation.path, operation] as const)

/** What tables and answers have, and what would be worth having. */
const COVETED = [
  'id',
  'tenant_id',
  'tenant',
  'role',
  'roles',
  'permission',
  'version',
  'created_at',
  'updated_at',
  'deleted_at',
  'revoked_at',
  'last_used_at',
  'hash',
  'hint',
  'key',
  'secrets',
  'status',
  'disabled',
  'disabled_reason',
  'layout',
  'lane_epoch',
  'revision',
  'state',
  'attempt_count',
  'accepted_at',
  'is_admin',
  'is_operator',
  'toString',
  'constructor',
  'prototype',
  '__proto__',
]

const receivers = useReceivers()
let own: Possessions
let before: Json

describe('a member that a route does not take is refused, and nothing is done', () => {
  beforeEach(async () => {
    own ??= await createPossessions(receivers.current)
    before = await everythingOf(own)
  })

  it.each(named)('%s %s', { timeout: 30_000 }, async (method, path, operation) => {
    const example = bodies.get(`${method} ${path}`)
    const body = JSON.parse(example ?? '{}')
    const known = new Set(propertiesOf(operation.contract.requestBody.content['application/json'].schema))
    for (const name of COVETED.filter((name) => !known.has(name))) {
      const reply = await call(method, pathOf(operation, own.tenant.id, own.ids), { text: withMember(body, name) })
      expect([name, reply.status], JSON.stringify(reply.body)).toEqual([name, 422])
      expectProblem(reply, 422, 'invalid_request')
    }
    expect(await everythingOf(own)).toEqual(before)
  })
})

describe('the schemas of bodies', () => {
  it.each(named)('of %s %s are closed at every level, or say what else may be in them', (_method, _path, operation) => {
    const open: string[] = []
    visit(operation.contract.requestBody.content['application/json'].schema, '', (schema, at) => {
      const is_closed = schema.additionalProperties !== undefined
      if (schema.properties !== undefined && !is_closed) open.push(at)
    })
    expect(open).toEqual([])
  })
})

describe('the whole of the coveted members', () => {
  let members: string[]

  beforeAll(() => {
    members = changing.flatMap(({ contract }) => propertiesOf(contract.requestBody.content['application/json'].schema))
  })

  it('is what no route takes, but for an id and a role where one is made', () => {
    const taken = COVETED.filter((name) => members.includes(name))
    expect(taken).toEqual(['id', 'role'])
  })
})

/** As text, because an object of JavaScript would take `__proto__` for something else. */
function withMember(body: Record<string, unknown>, name: string): string {
  const text = JSON.stringify(body)
  const member = `${JSON.stringify(name)}:"x"`
  return text === '{}' ? `{${member}}` : `${text.slice(0, -1)},${member}}`
}

function resolve(schema: Json): Json {
  if (schema.$ref === undefined) return schema
  return document.components.schemas[schema.$ref.split('/').at(-1)]
}

function visit(schema: Json, at: string, see: (schema: Json, at: string) => void): void {
  const resolved = resolve(schema)
  see(resolved, at)
  for (const part of [...(resolved.anyOf ?? []), ...(resolved.allOf ?? [])]) visit(part, at, see)
  for (const [name, member] of Object.entries(resolved.properties ?? {})) visit(member, `${at}.${name}`, see)
  if (resolved.items !== undefined) visit(resolved.items, `${at}[]`, see)
}

/** Names of members at the top. */
function propertiesOf(schema: Json): string[] {
  const resolved = resolve(schema)
  return [
    ...Object.keys(resolved.properties ?? {}),
    ...[...(resolved.anyOf ?? []), ...(resolved.allOf ?? [])].flatMap(propertiesOf),
  ]
}
