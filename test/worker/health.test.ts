import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { call } from './harness.ts'
import { expectProblem } from './problem.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Lets the database answer like this, without a line in the log of the tests. */
function letDatabase(answer: () => Promise<never>): void {
  for (const level of ['warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {})
  vi.spyOn(env.DB, 'prepare').mockReturnValue({ first: answer } as unknown as D1PreparedStatement)
}

describe('liveness', () => {
  it('is answered to anybody', async () => {
    const { status, body } = await call('GET', '/healthz', { key: null })
    expect([status, body]).toEqual([200, { status: 'ok' }])
  })

  it('does not depend on the database', async () => {
    letDatabase(() => Promise.reject(new Error('D1_ERROR: down')))
    expect((await call('GET', '/healthz', { key: null })).status).toBe(200)
  })
})

describe('readiness', () => {
  it('is answered to anybody', async () => {
    const { status, body } = await call('GET', '/readyz', { key: null })
    expect([status, body]).toEqual([200, { status: 'ok' }])
  })

  it.each([
    ['fails', () => Promise.reject<never>(new Error('D1_ERROR: no such database 4711'))],
    ['hangs', () => new Promise<never>(() => {})],
  ])('is denied while the database %s, without telling anybody more', async (_how, answer) => {
    letDatabase(answer)
    const reply = await call('GET', '/readyz', { key: null })
    expectProblem(reply, 503, 'unavailable')
    expect(reply.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(reply.body.detail).toBe('the database does not answer')
  })
})
