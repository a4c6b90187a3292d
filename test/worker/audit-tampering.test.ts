/** Whoever can write rows, but does not have the key, cannot hide anything. */

import { env } from 'cloudflare:workers'
import { createPublicKey, verify } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createTenant, type Json, runCron, skip, type TenantHandle } from './harness.ts'
import { expectProblem } from './problem.ts'

const DAY_MS = 24 * 60 * 60 * 1000
let tenant: TenantHandle

/** Six entries of one tenant. */
beforeEach(async () => {
  tenant = await createTenant()
  const { id } = await tenant.endpoint()
  for (let i = 0; i < 4; i++) await tenant.call('PATCH', `/endpoints/${id}`, { body: { description: `change ${i}` } })
})

async function verdict(cursor = ''): Promise<Json> {
  const { status, body } = await tenant.call('GET', `/audit-log/verify${cursor}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}

/** Behind Postern's back. */
async function tamper(statement: string, ...values: unknown[]): Promise<void> {
  const { meta } = await env.DB.prepare(statement.replace('MINE', 'tenant_id = ?1'))
    .bind(tenant.id, ...values)
    .run()
  expect(meta.changes).toBeGreaterThan(0)
}

/** The cron makes a checkpoint of what is there. */
async function checkpointed(): Promise<Json> {
  skip(2 * DAY_MS)
  await runCron('audit.upkeep')
  const { data } = (await tenant.call('GET', '/audit-log/checkpoints')).body
  return data.at(-1)
}

describe('a log that nobody has touched', () => {
  it('holds, from the first entry to the last', async () => {
    expect(await verdict()).toMatchObject({ holds: true, fault: null, entries: 6, unvouched: 0, next_cursor: null })
  })

  it('holds when a tenant has only just been created', async () => {
    tenant = await createTenant()
    expect(await verdict()).toMatchObject({ holds: true, entries: 1, head: { seq: 1 } })
  })

  it('holds by its checkpoint', async () => {
    expect(await checkpointed()).toMatchObject({ chain: tenant.id, seq: 6 })
    expect(await verdict()).toMatchObject({ holds: true, checkpoints: 1 })
  })
})

describe('found at once, and where:', () => {
  const columns = [
    ['at', 1],
    ['action', 'endpoint.test'],
    ['target', 'ep_other'],
    ['key_id', 'key_other'],
    ['role', 'viewer'],
    ['address', '203.0.113.1'],
    ['user_agent', 'another'],
    ['request_id', 'another'],
    ['before', '{}'],
    ['after', null],
    ['prev_hash', '0'.repeat(64)],
    ['hash', 'f'.repeat(64)],
  ] as const

  it.each(columns)('an entry whose %s was edited', async (column, value) => {
    await tamper(`UPDATE audit_log SET "${column}" = ?2 WHERE MINE AND seq = 4`, value)
    expect(await verdict()).toMatchObject({ holds: false, fault: { seq: 4, reason: 'altered' } })
  })

  it('an entry whose HMAC was taken from another', async () => {
    await tamper(
      `UPDATE audit_log SET mac = (SELECT mac FROM audit_log WHERE tenant_id = ?1 AND seq = 3) WHERE MINE AND seq = 4`,
    )
    expect((await verdict()).fault).toEqual({ seq: 4, reason: 'forged' })
  })

  it('an entry whose HMAC names a key that there never was, with a good one after it', async () => {
    await tamper(`UPDATE audit_log SET mac = 'gone.AAAA' WHERE MINE AND seq = 4`)
    // What the entries after it vouch for may have been put there before they were written.
    expect((await verdict()).fault).toEqual({ seq: 4, reason: 'forged' })
  })

  it('nothing, of entries at the beginning whose key is gone, once one follows whose key is there', async () => {
    await tamper(`UPDATE audit_log SET mac = 'gone.AAAA' WHERE MINE AND seq < 6`)
    expect(await verdict()).toMatchObject({ holds: true, unvouched: 0 })
    await tamper(`UPDATE audit_log SET mac = 'gone.AAAA' WHERE MINE AND seq = 6`)
    expect(await verdict()).toMatchObject({ holds: true, unvouched: 6 })
  })

  it('an entry that was deleted', async () => {
    await tamper('DELETE FROM audit_log WHERE MINE AND seq = 3')
    expect((await verdict()).fault).toEqual({ seq: 3, reason: 'missing' })
  })

  it('a beginning that was deleted', async () => {
    await tamper('DELETE FROM audit_log WHERE MINE AND seq <= 2')
    expect((await verdict()).fault).toEqual({ seq: 1, reason: 'beginning_missing' })
  })

  it('two entries that changed places', async () => {
    await tamper('UPDATE audit_log SET seq = 100 WHERE MINE AND seq = 3')
    await tamper('UPDATE audit_log SET seq = 3 WHERE MINE AND seq = 4')
    await tamper('UPDATE audit_log SET seq = 4 WHERE MINE AND seq = 100')
    expect((await verdict()).fault).toEqual({ seq: 3, reason: 'altered' })
  })

  it('an entry that was put in between', async () => {
    await tamper('UPDATE audit_log SET seq = seq + 100 WHERE MINE AND seq > 3')
    await tamper('UPDATE audit_log SET seq = seq - 99 WHERE MINE AND seq > 100')
    await tamper(
      `INSERT INTO audit_log SELECT tenant_id, 4, at, action, target, key_id, role, address, user_agent, request_id,
        before, after, prev_hash, hash, mac FROM audit_log WHERE MINE AND seq = 3`,
    )
    expect((await verdict()).fault).toEqual({ seq: 4, reason: 'altered' })
  })

  it('entries of another tenant', async () => {
    const other = await createTenant()
    await env.DB.prepare('DELETE FROM audit_log WHERE tenant_id = ?1').bind(other.id).run()
    await env.DB.prepare('UPDATE audit_log SET tenant_id = ?2 WHERE tenant_id = ?1').bind(tenant.id, other.id).run()
    tenant = other
    expect((await verdict()).fault).toEqual({ seq: 1, reason: 'altered' })
  })

  it('an entry that says that time has taken the beginning', async () => {
    await tamper('DELETE FROM audit_log WHERE MINE AND seq <= 2')
    await tamper(
      `UPDATE audit_log SET action = 'audit_log.expire',
        after = (SELECT json_object('seq', 2, 'hash', prev_hash) FROM audit_log WHERE tenant_id = ?1 AND seq = 3)
        WHERE MINE AND seq = 6`,
    )
    expect((await verdict()).fault).toEqual({ seq: 6, reason: 'altered' })
  })
})

describe('an end that was cut off', () => {
  it('is found by the checkpoint', async () => {
    await checkpointed()
    await tamper('DELETE FROM audit_log WHERE MINE AND seq > 4')
    expect((await verdict()).fault).toEqual({ seq: 5, reason: 'end_missing' })
  })

  it('is found when the whole log is gone', async () => {
    await checkpointed()
    await tamper('DELETE FROM audit_log WHERE MINE')
    expect((await verdict()).fault).toEqual({ seq: 1, reason: 'end_missing' })
  })

  it('is found by the checkpoint that somebody has kept, when ours is gone too', async () => {
    const checkpoint = await checkpointed()
    await tamper('DELETE FROM audit_log WHERE MINE AND seq > 4')
    const files = await env.PAYLOADS.list({ prefix: `$audit/${tenant.id}/` })
    await env.PAYLOADS.delete(files.objects.map(({ key }) => key))
    expect(await verdict()).toMatchObject({ holds: true })
    const { body } = await tenant.call('POST', '/audit-log/verify', { body: { checkpoint } })
    expect(body).toMatchObject({ holds: false, fault: { seq: 5, reason: 'end_missing' } })
  })

  it('is found when others were written in its place', async () => {
    const checkpoint = await checkpointed()
    await tamper('DELETE FROM audit_log WHERE MINE AND seq > 4')
    await tenant.endpoint()
    await tenant.endpoint()
    await tenant.endpoint()
    expect((await verdict()).fault).toEqual({ seq: checkpoint.seq, reason: 'rewritten' })
  })
})

describe('a checkpoint', () => {
  it('is verified by anybody, with its public key and node:crypto', async () => {
    const { chain, seq, hash, at, public_key, signature } = await checkpointed()
    const x = Buffer.from(public_key, 'base64').toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    const text = `postern-audit-checkpoint.v1\n${chain}\n${seq}\n${hash}\n${at}`
    expect(verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'))).toBe(true)
    expect(verify(null, Buffer.from(`${text}0`), key, Buffer.from(signature, 'base64'))).toBe(false)
  })

  it.each([
    ['seq', 5],
    ['hash', 'a'.repeat(64)],
    ['at', '2026-01-01T00:00:00.000Z'],
    ['public_key', btoa('x'.repeat(32))],
    ['signature', btoa('x'.repeat(64))],
    ['signature', btoa('x'.repeat(63))],
  ])('with another %s is none', async (member, value) => {
    const checkpoint = { ...(await checkpointed()), [member]: value }
    const { body } = await tenant.call('POST', '/audit-log/verify', { body: { checkpoint } })
    expect(body.fault).toMatchObject({ reason: 'checkpoint_forged' })
  })

  it('of another tenant proves nothing here', async () => {
    const checkpoint = await checkpointed()
    const other = await createTenant()
    const { body } = await other.call('POST', '/audit-log/verify', { body: { checkpoint } })
    expect(body.fault).toMatchObject({ reason: 'checkpoint_forged' })
  })

  it('that is none is refused', async () => {
    const reply = await tenant.call('POST', '/audit-log/verify', { body: { checkpoint: { seq: 1 } } })
    expectProblem(reply, 422, 'invalid_request')
  })

  it('is made once a day, and only of a log that has grown', async () => {
    await checkpointed()
    await checkpointed()
    const count = async () => (await tenant.call('GET', '/audit-log/checkpoints')).body.data.length
    expect(await count()).toBe(1)
    await tenant.endpoint()
    await checkpointed()
    expect(await count()).toBe(2)
    await tenant.endpoint()
    // The same day.
    await runCron('audit.upkeep')
    expect(await count()).toBe(2)
  })

  it('is listed in pages, oldest first', async () => {
    await checkpointed()
    await tenant.endpoint()
    await checkpointed()
    const first = (await tenant.call('GET', '/audit-log/checkpoints?limit=1')).body
    expect(first.data.map(({ seq }: Json) => seq)).toEqual([6])
    const second = (await tenant.call('GET', `/audit-log/checkpoints?limit=1&cursor=${first.next_cursor}`)).body
    expect(second.data.map(({ seq }: Json) => seq)).toEqual([7])
    expect(second.next_cursor).toBeNull()
  })
})

describe('when their time is over', () => {
  beforeEach(async () => {
    await tenant.call('PATCH', '', { body: { audit_retention_days: 30 } })
    await checkpointed()
    skip(25 * DAY_MS)
    await tenant.endpoint()
    skip(7 * DAY_MS)
    await runCron('audit.upkeep')
  })

  it('the oldest entries go, and what is left holds', async () => {
    const { data } = (await tenant.call('GET', '/audit-log')).body
    expect(data.map(({ seq, action }: Json) => [seq, action])).toEqual([
      [9, 'audit_log.expire'],
      [8, 'endpoint.create'],
    ])
    expect(data[0].actor.key_id).toBe('system')
    expect(await verdict()).toMatchObject({ holds: true, entries: 2 })
  })

  it('nobody else can take any more of them', async () => {
    await tamper('DELETE FROM audit_log WHERE MINE AND seq = 8')
    expect((await verdict()).fault).toEqual({ seq: 8, reason: 'beginning_missing' })
  })

  it('their checkpoints go too', async () => {
    const { data } = (await tenant.call('GET', '/audit-log/checkpoints')).body
    expect(data.map(({ seq }: Json) => seq)).toEqual([8])
  })
})
