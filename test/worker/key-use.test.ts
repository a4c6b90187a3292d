/** When a key was last used: kept to the minute, and never in the way. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { breakDatabase, createTenant, eventually, type Json, skip, type TenantHandle } from './harness.ts'
import { expectProblem } from './problem.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const isNote = (sql: string) => sql.startsWith('UPDATE api_keys SET last_used_at')

async function createKey(tenant: TenantHandle, fields: Record<string, unknown> = {}): Promise<Json> {
  const { status, body } = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'viewer', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

const shown = async (tenant: TenantHandle, id: string): Promise<Json> => (await tenant.call('GET', `/keys/${id}`)).body

function used(tenant: TenantHandle, id: string, after = 0): Promise<number> {
  return eventually('the use to be noted', async () => {
    const { last_used_at } = await shown(tenant, id)
    return last_used_at !== null && Date.parse(last_used_at) > after && Date.parse(last_used_at)
  })
}

/** Statements that note a use, and the rows that each wrote. */
function meterNotes(): { rows_written: number | undefined }[] {
  const notes: { rows_written: number | undefined }[] = []
  const prepare = env.DB.prepare.bind(env.DB)
  vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => {
    const statement = prepare(sql)
    if (!isNote(sql)) return statement
    const note: { rows_written: number | undefined } = { rows_written: undefined }
    notes.push(note)
    const bind = (...values: unknown[]) => {
      const bound = prepare(sql).bind(...values)
      const realRun = bound.run.bind(bound)
      const run = async () => {
        const result = await realRun()
        note.rows_written = result.meta.rows_written
        return result
      }
      return Object.assign(bound, { run })
    }
    return Object.assign(statement, { bind })
  })
  return notes
}

describe('the last use of a key', () => {
  it('is none before the first', async () => {
    const tenant = await createTenant()
    const made = await createKey(tenant)
    expect(made.last_used_at).toBeNull()
    expect((await tenant.call('GET', '/keys')).body.data).toMatchObject([{ id: made.id, last_used_at: null }])
  })

  it('is shown, with each key of the list and with the key alone', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    const before = Date.now()
    await tenant.call('GET', '', { key })
    const at = await used(tenant, id)
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual(Date.now())
    expect((await tenant.call('GET', '/keys')).body.data).toMatchObject([
      { id, last_used_at: new Date(at).toISOString() },
    ])
  })

  it('is noted again a minute later, and not before', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    await tenant.call('GET', '', { key })
    const first = await used(tenant, id)
    const notes = meterNotes()
    skip(first + 59_000 - Date.now())
    for (let i = 0; i < 10; i++) await tenant.call('GET', '', { key })
    expect(notes).toHaveLength(0)
    skip(first + 61_000 - Date.now())
    await Promise.all(Array.from({ length: 10 }, () => tenant.call('GET', '', { key })))
    expect(await used(tenant, id, first)).toBeGreaterThanOrEqual(first + 60_000)
    expect(notes).toHaveLength(1)
  })

  it('counts a request that was refused for want of a permission, not one from an address that is not allowed', async () => {
    const tenant = await createTenant()
    const bound = await createKey(tenant, { ip_allowlist: ['203.0.113.9'] })
    expectProblem(await tenant.call('GET', '', { key: bound.key }), 403, 'address_not_allowed')
    const viewer = await createKey(tenant)
    expectProblem(await tenant.call('GET', '/keys', { key: viewer.key }), 403, 'forbidden')
    await used(tenant, viewer.id)
    expect((await shown(tenant, bound.id)).last_used_at).toBeNull()
  })
})

describe('noting it', () => {
  it('fails without anybody noticing but the log', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    breakDatabase(isNote)
    expect((await tenant.call('GET', '', { key })).status).toBe(200)
    const [line] = await eventually('the log', () => warn.mock.calls.find(([line]) => line.includes('key.use_unnoted')))
    expect(JSON.parse(line)).toMatchObject({ level: 'warn', key_id: id })
    expect(line).not.toContain(key)
  })

  it('holds up no answer', async () => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant)
    const prepare = env.DB.prepare.bind(env.DB)
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let is_noting = false
    vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => {
      const statement = prepare(sql)
      if (!isNote(sql)) return statement
      const run = () => {
        is_noting = true
        return held
      }
      return Object.assign(statement, { bind: () => ({ run }) })
    })
    expect((await tenant.call('GET', '', { key })).status).toBe(200)
    expect(is_noting).toBe(true)
    release()
  })
})
