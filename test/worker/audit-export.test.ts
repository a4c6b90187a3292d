/** An auditor with an export and nothing of ours: docs/audit-log.md, "Checking it yourself". */
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { createTenant, type Json, type TenantHandle } from './harness.ts'

async function exported(tenant: TenantHandle): Promise<Json[]> {
  const { body } = await tenant.call('GET', '/audit-log/export')
  return String(body)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function hashOf(chain: string, { seq, at, action, target, actor, before, after, prev_hash }: Json): string {
  const { key_id, role, address, user_agent, request_id } = actor
  const text = (value: Json) => (value === null ? null : JSON.stringify(value))
  const who = [key_id, role, address, user_agent, request_id]
  const members = [chain, seq, Date.parse(at), action, target, ...who, text(before), text(after), prev_hash]
  return createHash('sha256').update(JSON.stringify(members)).digest('hex')
}

it('can be checked line by line', async () => {
  const tenant = await createTenant()
  const { id } = await tenant.endpoint({ description: 'Größe: "5" \u2028 <b>' })
  await tenant.call('PATCH', `/endpoints/${id}`, { body: { timeout_ms: 9000 }, headers: { 'user-agent': 'a "b"' } })
  await tenant.key('viewer')
  const lines = await exported(tenant)
  expect(lines.map(({ action }) => action)).toEqual([
    'tenant.create',
    'endpoint.create',
    'endpoint.update',
    'key.create',
    'audit_log.export',
  ])
  let before = '0'.repeat(64)
  for (const line of lines) {
    expect(line.prev_hash).toBe(before)
    expect(hashOf(tenant.id, line)).toBe(line.hash)
    before = line.hash
  }
})
