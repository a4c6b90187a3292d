/** Whoever can write rows, but does not have the key, cannot add anything either, nor have us destroy what proves it. */
import { env } from 'cloudflare:workers'
import { beforeEach, expect, it } from 'vitest'
import { sha256Hex } from '../../src/lib/hash.ts'
import { createTenant, type Json, runCron, skip, type TenantHandle } from './harness.ts'

const DAY_MS = 24 * 60 * 60 * 1000
let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
  await tenant.endpoint()
  await tenant.endpoint()
})

const verdict = async (): Promise<Json> => (await tenant.call('GET', '/audit-log/verify')).body

/** An entry whose hash is right, which anybody can compute, and whose HMAC is said to be by a key that is gone. */
async function forge(seq: number, prev_hash: string): Promise<void> {
  const members = [tenant.id, seq, 1, 'endpoint.test', null, 'key_x', 'admin', null, null, null, null, null, prev_hash]
  const hash = await sha256Hex(JSON.stringify(members))
  await env.DB.prepare(`INSERT INTO audit_log VALUES (${Array(15).fill('?').join(', ')})`)
    .bind(...members, hash, 'gone.AAAA')
    .run()
}

async function checkpointed(): Promise<void> {
  skip(2 * DAY_MS)
  await runCron('audit.upkeep')
}

it('an entry that was added at the end, under a key that there never was, is found once another follows it', async () => {
  const { head } = await verdict()
  await forge(head.seq + 1, head.hash)
  await tenant.endpoint()
  expect(await verdict()).toMatchObject({ holds: false, fault: { seq: head.seq + 1, reason: 'forged' } })
})

it.each([0, -1])('an entry that was put before the first, at %i, is found', async (seq) => {
  await forge(seq, '0'.repeat(64))
  expect((await verdict()).fault).toMatchObject({ reason: 'beginning_missing' })
})

it('a checkpoint is not written over by one of what was put in the place of what it proves', async () => {
  await checkpointed()
  await env.DB.prepare('DELETE FROM audit_log WHERE tenant_id = ? AND seq = 3').bind(tenant.id).run()
  await tenant.endpoint()
  await checkpointed()
  expect((await verdict()).fault).toEqual({ seq: 3, reason: 'rewritten' })
})

it('time takes nothing that is younger than any tenant may have it, whatever the database says', async () => {
  await env.DB.prepare('UPDATE tenants SET audit_retention_days = 0 WHERE id = ?').bind(tenant.id).run()
  await checkpointed()
  expect(await verdict()).toMatchObject({ holds: true, entries: 3, head: { seq: 3 } })
})
