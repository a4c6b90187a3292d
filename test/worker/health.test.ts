import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CANARY_ENDPOINT } from '../../src/health/canary-nest.ts'
import { breakDatabase, breakEndpoint, call, type Json, skip } from './harness.ts'

/** As long as an answer is kept; each test begins beyond what the ones before it have seen. */
const CACHED_MS = 5000
let ahead_ms = 0

beforeEach(() => {
  ahead_ms += 4 * CACHED_MS
  skip(ahead_ms)
  for (const level of ['warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

afterEach(() => {
  vi.restoreAllMocks()
})

const ready = () => call('GET', '/readyz', { key: null })

const WELL = { status: 'ok', latency_ms: expect.any(Number) }
const FAILED = { ...WELL, status: 'failed' }
const LATE = { ...WELL, status: 'timeout' }
const ALL_WELL = { database: WELL, endpoints: WELL, queues: WELL, payloads: WELL }

const fails = () => Promise.reject<never>(new Error('internal error 4711'))
const hangs = () => new Promise<never>(() => {})

function letBucket(answer: () => Promise<never>): void {
  vi.spyOn(env.PAYLOADS, 'head').mockImplementation(answer)
}

function letQueue(answer: () => Promise<never>): void {
  vi.spyOn(env.RELEASES, 'metrics').mockImplementation(answer)
}

function letDatabase(answer: () => Promise<never>): void {
  const statement = { first: answer, all: answer, run: answer, raw: answer } as unknown as D1PreparedStatement
  statement.bind = () => statement
  vi.spyOn(env.DB, 'prepare').mockReturnValue(statement)
}

describe('liveness', () => {
  it('is answered to anybody', async () => {
    const { status, body } = await call('GET', '/healthz', { key: null })
    expect([status, body]).toEqual([200, { status: 'ok' }])
  })

  it('does not depend on the database', async () => {
    breakDatabase()
    expect((await call('GET', '/healthz', { key: null })).status).toBe(200)
  })
})

describe('readiness', () => {
  it('tells anybody how each part is, and since when it is known', async () => {
    const { status, body } = await ready()
    expect([status, body]).toEqual([
      200,
      {
        status: 'ok',
        publishing: 'full',
        checked_at: new Date(Date.parse(body.checked_at)).toISOString(),
        parts: ALL_WELL,
        canary: { status: 'off', last_success_at: null, age_s: null, latency_ms: null },
      },
    ])
  })

  it.each<[string, () => void, string, Json]>([
    ['the database fails', () => letDatabase(fails), 'limited', { database: FAILED }],
    ['the database hangs', () => letDatabase(hangs), 'limited', { database: LATE }],
    ['Endpoints fail', () => void breakEndpoint(CANARY_ENDPOINT), 'limited', { endpoints: FAILED }],
    ['the bucket fails', () => letBucket(fails), 'limited', { payloads: FAILED }],
    ['the bucket hangs', () => letBucket(hangs), 'limited', { payloads: LATE }],
    ['a queue fails', () => letQueue(fails), 'full', { queues: FAILED }],
    ['a queue hangs', () => letQueue(hangs), 'full', { queues: LATE }],
  ])('is degraded while %s, and blames nothing else', async (_what, break_, publishing, blamed) => {
    break_()
    const { status, body } = await ready()
    expect([status, body.status, body.publishing]).toEqual([200, 'degraded', publishing])
    expect(body.parts).toEqual({ ...ALL_WELL, ...blamed })
  })

  it('is denied when neither Endpoints nor queues take a message, and says when to ask again', async () => {
    breakEndpoint(CANARY_ENDPOINT)
    letQueue(fails)
    const { status, headers, body } = await ready()
    expect([status, body.status, body.publishing]).toEqual([503, 'down', 'none'])
    expect(headers.get('retry-after')).toBe('5')
  })

  it('waits for no part longer than a second, and for all of them at once', async () => {
    letDatabase(hangs)
    letBucket(hangs)
    letQueue(hangs)
    const began_at = performance.now()
    const { body } = await ready()
    expect(performance.now() - began_at).toBeLessThan(2500)
    expect(body.parts).toEqual({ ...ALL_WELL, database: LATE, payloads: LATE, queues: LATE })
  })

  it('keeps the cause to the log', async () => {
    letBucket(fails)
    expect(JSON.stringify((await ready()).body)).not.toContain('4711')
  })

  it('looks once in five seconds, however many ask', async () => {
    const looks = vi.spyOn(env.PAYLOADS, 'head')
    const answers = await Promise.all(Array.from({ length: 10 }, ready))
    expect(new Set(answers.map(({ body }) => body.checked_at)).size).toBe(1)
    skip(CACHED_MS - 1000)
    await ready()
    expect(looks).toHaveBeenCalledTimes(1)
    skip(2000)
    await ready()
    expect(looks).toHaveBeenCalledTimes(2)
  })

  it('notices that all is well again', async () => {
    const heal = breakDatabase()
    expect((await ready()).body.status).toBe('degraded')
    heal()
    skip(CACHED_MS + 1)
    expect((await ready()).body.status).toBe('ok')
  })
})
