/** The rate limit of a source: one bucket wherever its provider calls, and never a reason to lose an event. */
import { createExecutionContext, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { createId } from '../../src/lib/ids.ts'
import { withinRate } from '../../src/sources/rate.ts'
import { createTenant, eventually, runCron } from './harness.ts'
import { insertSource } from './source-row.ts'

let id: string

beforeEach(() => {
  id = createId('src', Date.now(), (length) => crypto.getRandomValues(new Uint8Array(length)))
})

afterEach(() => {
  vi.restoreAllMocks()
})

async function ask(rate_limit_per_s: number, source = id) {
  const context = createExecutionContext()
  const deps = createDeps(env, (work) => context.waitUntil(work))
  return withinRate(deps, { id: source, tenant_id: 'acme', rate_limit_per_s })
}

async function askTimes(times: number, rate_limit_per_s: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: times }, () => ask(rate_limit_per_s)))
  return answers.filter(({ ok }) => ok).length
}

const quotaOf = (source: string) => env.QUOTA.get(env.QUOTA.idFromName(`source:${source}`))

const tablesOf = (source: string) =>
  runInDurableObject(quotaOf(source), (_quota, { storage }) =>
    storage.sql.exec<{ accepted: number }>('SELECT accepted FROM months').toArray(),
  )

describe('a source with a limit', () => {
  it('takes a second’s worth at once, and no more, however many come together', async () => {
    // The clock stands still, or the bucket would fill while they are asked.
    const now = Date.now()
    vi.spyOn(Date, 'now').mockReturnValue(now)
    expect(await askTimes(50, 20)).toBe(20)
  })

  it('says when to come again, and then takes more', async () => {
    const now = Date.now()
    const clock = vi.spyOn(Date, 'now').mockReturnValue(now)
    expect(await ask(1)).toEqual({ ok: true, value: undefined })
    expect(await ask(1)).toEqual({ ok: false, error: { retry_after_s: 1 } })
    clock.mockReturnValue(now + 1000)
    expect((await ask(1)).ok).toBe(true)
    expect((await ask(1)).ok).toBe(false)
  })

  it('has a bucket of its own', async () => {
    const now = Date.now()
    vi.spyOn(Date, 'now').mockReturnValue(now)
    const other = createId('src', now, (length) => crypto.getRandomValues(new Uint8Array(length)))
    await ask(1)
    expect((await ask(1)).ok).toBe(false)
    expect((await ask(1, other)).ok).toBe(true)
  })

  it('asks its object no more often than it has tokens, however many requests are beyond', async () => {
    const now = Date.now()
    vi.spyOn(Date, 'now').mockReturnValue(now)
    await askTimes(10, 5)
    const asked = vi.spyOn(env.QUOTA, 'get')
    expect(await askTimes(1000, 5)).toBe(0)
    expect(asked).not.toHaveBeenCalled()
  })
})

describe('when the object does not answer', () => {
  it.each([
    ['fails', () => Promise.reject(new Error('the object does not answer'))],
    ['takes its time', () => new Promise<never>(() => {})],
  ])('because it %s, every request goes on', async (_how, take) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    vi.spyOn(env.QUOTA, 'get').mockReturnValue({ take } as never)
    expect(await askTimes(5, 1)).toBe(5)
  })
})

describe('what a source has used', () => {
  it('goes with the source', async () => {
    const tenant = await createTenant()
    id = await insertSource(tenant.id, { rate_limit_per_s: 5 })
    await ask(5)
    expect(await tablesOf(id)).toEqual([{ accepted: 1 }])
    expect((await tenant.call('DELETE', `/sources/${id}`)).status).toBe(204)
    await eventually('the bucket to be empty', async () => (await tablesOf(id).catch(() => null))?.length === 0)
  })

  it('goes with the tenant, and so does the source', async () => {
    const tenant = await createTenant()
    id = await insertSource(tenant.id, { rate_limit_per_s: 5 })
    const unlimited = await insertSource(tenant.id)
    await ask(5)
    expect((await tenant.call('DELETE', '?endpoints=delete')).status).toBeLessThan(300)
    await eventually('the bucket to be empty', async () => (await tablesOf(id).catch(() => null))?.length === 0)
    await eventually('the sources to be gone', async () => {
      const rows = await env.DB.prepare('SELECT id FROM sources WHERE id IN (?, ?)').bind(id, unlimited).all()
      return rows.results.length === 0
    })
  })

  it('keeps the source while its object cannot be told', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const tenant = await createTenant()
    id = await insertSource(tenant.id, { rate_limit_per_s: 5 })
    const get = env.QUOTA.get.bind(env.QUOTA)
    const refused = env.QUOTA.idFromName(`source:${id}`)
    const remove = () => Promise.reject(new Error('the object does not answer'))
    const broken = vi
      .spyOn(env.QUOTA, 'get')
      .mockImplementation((name) => (name.equals(refused) ? ({ remove } as never) : get(name)))
    await tenant.call('DELETE', '?endpoints=delete')
    await eventually('it to be tried', () => broken.mock.calls.some(([name]) => name.equals(refused)))
    expect(await env.DB.prepare('SELECT id FROM sources WHERE id = ?').bind(id).first()).toEqual({ id })
    broken.mockRestore()
    await runCron('tenants.purge')
    expect(await env.DB.prepare('SELECT id FROM sources WHERE id = ?').bind(id).first()).toBeNull()
  })
})
