/** What a source did not believe: kept for its owner, told when it is a lot, and cheap however much of it there is. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { noteFailure } from '../../src/sources/note-failure.ts'
import { breakDatabase, createTenant, eventually, type Json, runCron, skip, type TenantHandle } from './harness.ts'
import { expectProblem } from './problem.ts'
import { insertSource } from './source-row.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

let tenant: TenantHandle
let source: string
let context: ExecutionContext

const wait = scheduler.wait.bind(scheduler)

beforeEach(async () => {
  // Seconds of gathering are a blink here.
  vi.spyOn(scheduler, 'wait').mockImplementation((ms) => wait(Math.min(ms, 20)))
  tenant = await createTenant()
  source = await insertSource(tenant.id)
  context = createExecutionContext()
})

afterEach(async () => {
  // Nobody's duty to write reaches into the next test.
  await waitOnExecutionContext(context)
  vi.restoreAllMocks()
})

type Refused = Parameters<typeof noteFailure>[2]

function note(refused: Partial<Refused> = {}, id = source, tenant_id = tenant.id): void {
  const deps = createDeps(env, (work) => context.waitUntil(work))
  const whole = { reason: 'signature_mismatch', address: '203.0.113.9', header_names: ['Host'], ...refused } as const
  noteFailure(deps, { tenant_id, id }, whole)
}

const written = () => waitOnExecutionContext(context)

const list = (query = '', id = source) => tenant.call('GET', `/sources/${id}/failures${query}`)

async function failures(query = ''): Promise<Json[]> {
  const { status, body } = await list(query)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.data
}

const countOf = (rows: readonly Json[]) => rows.reduce((sum, { count }) => sum + count, 0)

/** Lines of this name, from now on. */
function watch(message: string): () => Json[] {
  const spied = vi.spyOn(console, 'warn').mockImplementation(() => {})
  return () => spied.mock.calls.map(([line]) => JSON.parse(String(line))).filter((line) => line.message === message)
}

describe('a request that was not believed', () => {
  it('is listed with why, from where, when, and the names of its headers', async () => {
    note({ header_names: ['Stripe-Signature', 'content-type', 'HOST'] })
    await written()
    const [failure, ...more] = await failures()
    expect(more).toEqual([])
    expect(failure).toEqual({
      reason: 'signature_mismatch',
      address: '203.0.113.9',
      minute: expect.stringMatching(/:00\.000Z$/),
      count: 1,
      last_at: expect.any(String),
      header_names: ['stripe-signature', 'content-type', 'host'],
    })
    expect(Date.parse(failure.last_at) - Date.parse(failure.minute)).toBeLessThan(MINUTE_MS)
  })

  it('is in the log, without an address or a header', async () => {
    const lines = watch('source.verification_failed')
    note({ reason: 'timestamp_too_old' })
    expect(lines()).toEqual([
      {
        level: 'warn',
        message: 'source.verification_failed',
        source_id: source,
        tenant_id: tenant.id,
        reason: 'timestamp_too_old',
      },
    ])
  })

  it('is known by null where no address is', async () => {
    note({ address: undefined })
    await written()
    expect((await failures())[0].address).toBeNull()
  })

  it('keeps 50 names of headers, each cut, and none twice', async () => {
    const long = 'X'.repeat(10_000)
    note({ header_names: ['a', 'A', long, ...Array.from({ length: 500 }, (_, i) => `h${i}`)] })
    await written()
    const { header_names } = (await failures())[0]
    expect(header_names).toHaveLength(49)
    expect(header_names.slice(0, 3)).toEqual(['a', 'x'.repeat(64), 'h0'])
  })

  it('adds to those of its minute that look the same, and shows the headers of the last', async () => {
    note({ header_names: ['first'] })
    await written()
    for (let i = 0; i < 4; i++) note({ header_names: [`later-${i}`] })
    note({ reason: 'missing_signature' })
    await written()
    const rows = await failures()
    // A minute may have begun meanwhile.
    expect(countOf(rows.filter(({ reason }) => reason === 'signature_mismatch'))).toBe(5)
    expect(rows.find(({ reason }) => reason === 'signature_mismatch').header_names).toEqual(['later-3'])
    expect(countOf(rows)).toBe(6)
  })

  it('is forgotten with its source: of one that is gone nothing is kept', async () => {
    await env.DB.prepare('DELETE FROM sources WHERE id = ?').bind(source).run()
    note()
    await written()
    const rows = await env.DB.prepare('SELECT * FROM source_failures WHERE source_id = ?').bind(source).all()
    expect(rows.results).toEqual([])
  })

  it('is never the request’s problem: noting it throws nothing, and what D1 refuses is kept for the next', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    // Statements of a batch fail when they run, so a batch that cannot even be prepared is as good as refused.
    const batch = vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: Network connection lost.'))
    expect(() => note()).not.toThrow()
    await written()
    batch.mockRestore()
    expect(await failures()).toEqual([])
    note({ reason: 'malformed_signature' })
    await written()
    expect((await failures()).map(({ reason }) => reason).toSorted()).toEqual([
      'malformed_signature',
      'signature_mismatch',
    ])
  })
})

describe('a flood of forged requests', () => {
  it('costs two writes, however many they are and from wherever they come', async () => {
    const lines = watch('source.verification_failed')
    const batches = vi.spyOn(env.DB, 'batch')
    const waits = vi.spyOn(scheduler, 'wait').mockImplementation(() => wait(20))
    note({ address: '2001:db8::1' })
    await written()
    for (let i = 1; i < 20_000; i++) note({ address: `2001:db8::${i.toString(16)}` })
    await written()
    expect(batches).toHaveBeenCalledTimes(2)
    expect(waits.mock.lastCall?.[0]).toBeGreaterThan(4000)
    batches.mockRestore()
    const rows = await failures('?limit=250')
    expect(countOf(rows)).toBe(20_000)
    // Ten of a minute by name, of two minutes if one began meanwhile, and the others together.
    expect(rows.length).toBeLessThanOrEqual(22)
    expect(rows.some(({ address }) => address === null)).toBe(true)
    expect(lines().length).toBeLessThan(20)
    expect(lines().at(-1).times).toBe(10_000)
  })

  it('hides no other source', async () => {
    const other = await insertSource(tenant.id)
    for (let i = 0; i < 5000; i++) note({ address: `198.51.100.${i % 256}` })
    note({ address: '192.0.2.1' }, other)
    await written()
    const { body } = await list('', other)
    expect(body.data).toMatchObject([{ address: '192.0.2.1', count: 1 }])
  })

  it('of weeks makes no more than 5,000 rows of a source: the oldest make room, those of others stay', async () => {
    const other = await insertSource(tenant.id)
    const now = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS
    const insert = `INSERT INTO source_failures SELECT ?1, ?2, ?3 - (value / 10) * ${MINUTE_MS}, 'signature_mismatch',
      value % 10, 1, ?3, '[]' FROM (WITH RECURSIVE n (value) AS (VALUES (10) UNION ALL SELECT value + 1 FROM n LIMIT ?4)
      SELECT value FROM n)`
    await env.DB.prepare(insert).bind(tenant.id, source, now, 7000).run()
    await env.DB.prepare(insert).bind(tenant.id, other, now, 100).run()
    const count = `SELECT COUNT(*) AS rows, MAX(minute) AS newest FROM source_failures WHERE source_id = ?`
    const rowsOf = (id: string) => env.DB.prepare(count).bind(id).first<{ rows: number; newest: number }>()
    // Looked after once a minute.
    skip(2 * MINUTE_MS)
    note()
    note({}, other)
    await written()
    const kept = await rowsOf(source)
    expect(kept?.rows).toBeGreaterThan(4980)
    expect(kept?.rows).toBeLessThanOrEqual(5010)
    expect(kept?.newest).toBeGreaterThan(now)
    expect((await rowsOf(other))?.rows).toBe(101)
  })

  it('is written by somebody else when the request that was to write it was ended', async () => {
    note()
    await written()
    const deps = createDeps(env, () => {})
    const lost = vi.spyOn(scheduler, 'wait').mockImplementation(() => new Promise(() => {}))
    noteFailure(
      deps,
      { tenant_id: tenant.id, id: source },
      { reason: 'signature_mismatch', address: '', header_names: [] },
    )
    lost.mockRestore()
    skip(MINUTE_MS)
    note()
    await written()
    expect(countOf(await failures())).toBe(3)
  })
})

describe('a source that fails again and again', () => {
  const failing = () => watch('source.verification_failing')

  it('is told once, whoever sees it, and again after an hour', async () => {
    const lines = failing()
    for (let i = 0; i < 9; i++) note()
    await written()
    expect(lines()).toEqual([])
    note()
    await written()
    expect(lines()).toEqual([
      {
        level: 'warn',
        message: 'source.verification_failing',
        tenant_id: tenant.id,
        source_id: source,
        failures: 10,
        in_s: 300,
      },
    ])
    for (let i = 0; i < 20; i++) note()
    await written()
    expect(lines()).toHaveLength(1)
    skip(61 * MINUTE_MS)
    for (let i = 0; i < 10; i++) note()
    await written()
    expect(lines()).toHaveLength(2)
  }, 30_000)

  it('is not told of what is too old or too little', async () => {
    const lines = failing()
    for (let i = 0; i < 9; i++) note()
    await written()
    skip(6 * MINUTE_MS)
    for (let i = 0; i < 9; i++) note()
    await written()
    expect(lines()).toEqual([])
  })
})

describe('the list', () => {
  /** Rows as isolates all over the world would have written them. */
  async function insert(rows: readonly [minute: number, reason: string, address: string][]): Promise<void> {
    const sql =
      'INSERT INTO source_failures SELECT ?1, ?2, value ->> 0, value ->> 1, value ->> 2, 1, value ->> 0, ?3 FROM json_each(?4)'
    await env.DB.prepare(sql).bind(tenant.id, source, '[]', JSON.stringify(rows)).run()
  }

  const minute = (ago: number) => Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - ago * MINUTE_MS

  it('begins with the newest minute, and a page ends where the next begins', async () => {
    const rows = [0, 1, 2].flatMap((ago) =>
      ['missing_signature', 'signature_mismatch'].flatMap((reason) =>
        ['', '192.0.2.1', '192.0.2.2'].map((address) => [minute(ago), reason, address] as [number, string, string]),
      ),
    )
    await insert(rows)
    const seen: Json[] = []
    for (let query = '?limit=4'; ; ) {
      const { body } = await list(query)
      seen.push(...body.data)
      if (body.next_cursor === null) break
      expect(body.data).toHaveLength(4)
      query = `?limit=4&cursor=${body.next_cursor}`
    }
    expect(seen).toHaveLength(rows.length)
    expect(new Set(seen.map((row) => JSON.stringify(row))).size).toBe(rows.length)
    const times = seen.map((row) => Date.parse(row.minute))
    expect(times).toEqual(times.toSorted((a, b) => b - a))
  })

  it('takes a time from and a time until', async () => {
    await insert([0, 1, 2, 3].map((ago) => [minute(ago), 'signature_mismatch', '']))
    const iso = (at: number) => new Date(at).toISOString()
    expect(await failures(`?since=${iso(minute(2) + 30_000)}`)).toHaveLength(3)
    expect(await failures(`?until=${iso(minute(2))}`)).toHaveLength(1)
    expect(await failures(`?since=${iso(minute(2))}&until=${iso(minute(1))}`)).toHaveLength(1)
  })

  it('is empty for a source that believed everything, and 404 for none', async () => {
    expect(await failures()).toEqual([])
    expectProblem(await list('', 'src_01JD9Z5M2R7W3H6F4A8G9D1QTS'), 404, 'not_found')
  })

  it('is of its own tenant alone', async () => {
    note()
    await written()
    const other = await createTenant()
    expectProblem(await other.call('GET', `/sources/${source}/failures`), 404, 'not_found')
  })

  it('is kept for 30 days', async () => {
    await insert([
      [minute(0) - 30 * DAY_MS - MINUTE_MS, 'signature_mismatch', ''],
      [minute(0) - 30 * DAY_MS + 5 * MINUTE_MS, 'signature_mismatch', ''],
      [minute(0), 'signature_mismatch', ''],
    ])
    await runCron('retention.rows')
    expect(await failures()).toHaveLength(2)
  })

  it('is not there while D1 is not', async () => {
    const mend = breakDatabase((sql) => sql.includes('source_failures'))
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const reply = await list()
    mend()
    expectProblem(reply, 503, 'unavailable')
  })
})

it('goes with its tenant', async () => {
  note()
  await written()
  await tenant.call('DELETE', '?endpoints=delete')
  await eventually('the failures to be gone', async () => {
    const left = await env.DB.prepare('SELECT 1 FROM source_failures WHERE tenant_id = ?').bind(tenant.id).first()
    return left === null
  })
})
