/**
 * What could be measured or compared from outside. A clock cannot show that a comparison takes the same time
 * (workerd's stands still between I/O, and a test would measure the machine), so its steps are counted.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { createApiKey } from '../../src/keys/api-key.ts'
import { equalInConstantTime } from '../../src/lib/hash.ts'
import { call, createTenant, type Reply, skip, type TenantHandle, useReceivers } from '../worker/harness.ts'

useReceivers()

/** Bytes that note which of them are looked at. */
function watched(bytes: Uint8Array): { bytes: Uint8Array; seen: number[] } {
  const seen: number[] = []
  const proxy = new Proxy(bytes, {
    get(target, name) {
      if (typeof name === 'string' && /^\d+$/.test(name)) seen.push(Number(name))
      return Reflect.get(target, name)
    },
  })
  return { bytes: proxy, seen }
}

describe('a comparison of secrets', () => {
  const secret = Uint8Array.from({ length: 64 }, (_, i) => i)
  const all = [...secret.keys()]

  it.each([
    ['nothing', -1],
    ['the first byte', 0],
    ['a byte in the middle', 31],
    ['the last byte', 63],
  ])('looks at every byte once, in the same order, when they differ in %s', (_what, at) => {
    const other = at === -1 ? secret : secret.with(at, 255)
    const [left, right] = [watched(secret), watched(other)]
    expect(equalInConstantTime(left.bytes, right.bytes)).toBe(at === -1)
    expect([left.seen, right.seen]).toEqual([all, all])
  })

  it('looks at every byte when all of them differ', () => {
    const { bytes, seen } = watched(secret.map((byte) => byte ^ 255))
    expect(equalInConstantTime(secret, bytes)).toBe(false)
    expect(seen).toEqual(all)
  })

  it('looks at none when the lengths differ, which are no secret', () => {
    const { bytes, seen } = watched(secret)
    expect(equalInConstantTime(secret.subarray(1), bytes)).toBe(false)
    expect(seen).toEqual([])
  })
})

describe('a key that is not good', () => {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  let tenant: TenantHandle
  let good: string
  let replies: Record<string, Reply>

  /** All that an answer says, but for the id of the request. */
  const said = ({ status, headers, body }: Reply) => {
    const { request_id: _, ...rest } = body
    const names = [...headers].filter(([name]) => name !== 'x-request-id')
    return { status, headers: names, body: rest }
  }

  beforeAll(async () => {
    tenant = await createTenant()
    good = await tenant.key('viewer')
    const expires_at = new Date(Date.now() + 60_000).toISOString()
    const expiring = await tenant.call('POST', '/keys', { body: { name: 'a', role: 'viewer', expires_at } })
    const revoked = await tenant.call('POST', '/keys', { body: { name: 'a', role: 'viewer' } })
    await tenant.call('DELETE', `/keys/${revoked.body.id}`)
    skip(120_000)
    const last = good.at(-1) === 'A' ? 'B' : 'A'
    const keys: Record<string, string | null> = {
      none: null,
      unknown: await createApiKey('live', random),
      expired: expiring.body.key,
      revoked: revoked.body.key,
      'a wrong checksum': good.slice(0, -1) + last,
      'lower case': good.toLowerCase(),
      'too long': `${good}A`,
      'cut off': good.slice(0, -1),
      'a prefix alone': 'pst_live_',
      'very long': `pst_live_${'A'.repeat(20_000)}`,
      SQL: "'OR'1'='1",
    }
    const asked = Object.entries(keys).map(
      async ([what, key]) => [what, await tenant.call('GET', '', { key })] as const,
    )
    replies = Object.fromEntries(await Promise.all(asked))
  })

  it.each([
    'unknown',
    'expired',
    'revoked',
    'a wrong checksum',
    'lower case',
    'too long',
    'cut off',
    'a prefix alone',
    'very long',
    'SQL',
  ])('is refused in the same words as none at all: %s', (what) => {
    const [none, reply] = [replies.none, replies[what]]
    if (none === undefined || reply === undefined) throw new Error('not asked')
    expect(none.status).toBe(401)
    expect(said(reply)).toEqual(said(none))
  })

  it('is refused in the same words whether or not its tenant is there', async () => {
    const key = await createApiKey('live', random)
    const [here, nowhere] = [await tenant.call('GET', '', { key }), await call('GET', '/v1/tenants/nobody', { key })]
    expect(said(here)).toEqual(said(nowhere))
  })

  it('of another tenant sees the same as for a tenant that is not there', async () => {
    const foreign = await (await createTenant()).key('admin')
    const here = await tenant.call('GET', '', { key: foreign })
    const nowhere = await call('GET', '/v1/tenants/nobody', { key: foreign })
    expect(here.status).toBe(404)
    expect(said(here)).toEqual(said(nowhere))
  })

  it.each([
    ['another scheme', (key: string) => `Basic ${key}`],
    ['no scheme', (key: string) => key],
    ['two keys', (key: string) => `Bearer ${key}, Bearer ${key}`],
    ['a tab', (key: string) => `Bearer\t${key}`],
    ['something behind it', (key: string) => `Bearer ${key} x`],
  ])('is any that comes with %s', async (_what, authorization) => {
    const reply = await tenant.call('GET', '', { key: null, headers: { authorization: authorization(good) } })
    expect(reply.status).toBe(401)
  })

  it('is any in the query or in a cookie', async () => {
    const reply = await tenant.call('GET', `?access_token=${good}`, { key: null, headers: { cookie: `key=${good}` } })
    expect(reply.status).toBe(401)
  })
})
