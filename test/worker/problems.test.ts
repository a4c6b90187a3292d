import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { PROBLEMS } from '../../src/http/problems.ts'
import { call, createTenant, type Reply } from './harness.ts'
import { expectProblem } from './problem.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A refusal from every layer that can refuse. */
const REFUSALS: [string, number, string, () => Promise<Reply>][] = [
  ['no such path', 404, 'not_found', () => call('GET', '/nowhere')],
  ['no such method', 405, 'method_not_allowed', () => call('PUT', '/v1/tenants')],
  ['no key', 401, 'unauthorized', () => call('GET', '/v1/tenants', { key: null })],
  [
    'no permission',
    403,
    'forbidden',
    async () => {
      const tenant = await createTenant()
      return call('GET', '/v1/tenants', { key: await tenant.key('admin') })
    },
  ],
  ['no such tenant', 404, 'not_found', () => call('GET', '/v1/tenants/nobody')],
  ['no JSON', 400, 'invalid_json', () => call('POST', '/v1/tenants', { text: '{' })],
  [
    'no JSON type',
    415,
    'unsupported_media_type',
    () => call('POST', '/v1/tenants', { text: '{}', headers: { 'content-type': 'text/plain' } }),
  ],
  ['too much', 413, 'payload_too_large', () => call('POST', '/v1/tenants', { text: `"${'x'.repeat(1024 ** 2)}"` })],
  ['a bad member', 422, 'invalid_request', () => call('POST', '/v1/tenants', { body: { id: 'A', name: 'x' } })],
  ['a bad query', 422, 'invalid_request', () => call('GET', '/v1/tenants?limit=0')],
  ['a bad cursor', 400, 'invalid_cursor', () => call('GET', '/v1/tenants?cursor=nonsense')],
]

describe('a refusal', () => {
  it.each(REFUSALS)('for %s has every member of RFC 9457', async (_why, status, code, refuse) => {
    const reply = await refuse()
    expectProblem(reply, status, code)
    expect(reply.body.title).toBe(PROBLEMS[code as keyof typeof PROBLEMS].title)
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('names every member that is wrong, and not only the first', async () => {
    const { body } = await call('POST', '/v1/tenants', { body: { id: 'A B', name: '', retention_days: 0 } })
    expect(body.errors).toEqual([
      { path: 'id', message: expect.stringMatching(/\S/) },
      { path: 'name', message: expect.stringMatching(/\S/) },
      { path: 'retention_days', message: expect.stringMatching(/\S/) },
    ])
    expect(body.detail).toContain('id')
  })

  it.each(Object.entries(PROBLEMS))('of code %s has a status of errors and a title', (code, { status, title }) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(600)
    expect(title).toMatch(/\S/)
  })
})

describe('the id of a request', () => {
  it.each(['abc', 'a-b_c=1', 'x'.repeat(128)])('is the caller’s own when it is well formed: %s', async (id) => {
    const headers = { 'x-request-id': id }
    expect((await call('GET', '/healthz', { headers })).headers.get('x-request-id')).toBe(id)
    const refused = await call('GET', '/nowhere', { headers })
    expect(refused.headers.get('x-request-id')).toBe(id)
    expect(refused.body.request_id).toBe(id)
  })

  it.each([
    ['there is none', undefined],
    ['it is too long', 'x'.repeat(129)],
    ['it has a space', 'a b'],
    ['it has markup', '<b>'],
    ['it would break a log', '{"a":"b"}'],
  ])('is made when %s', async (_why, id) => {
    const headers: Record<string, string> = id === undefined ? {} : { 'x-request-id': id }
    expect((await call('GET', '/healthz', { headers })).headers.get('x-request-id')).toMatch(UUID)
    expect((await call('GET', '/nowhere', { headers })).body.request_id).toMatch(UUID)
  })

  it.each([
    ['200', 'GET', '/v1/tenants', undefined],
    ['201', 'POST', '/v1/tenants', { id: `t-${crypto.randomUUID()}`, name: 'x' }],
    ['the document', 'GET', '/openapi.json', undefined],
    ['the page', 'GET', '/docs', undefined],
  ])('is on an answer that is none of refusal: %s', async (_what, method, path, body) => {
    const reply = await call(method, path, { body, headers: { 'x-request-id': 'mine' } })
    expect(reply.status).toBeLessThan(300)
    expect(reply.headers.get('x-request-id')).toBe('mine')
  })

  it('is on an answer without a body', async () => {
    const tenant = await createTenant()
    const reply = await tenant.call('DELETE', '', { headers: { 'x-request-id': 'mine' } })
    expect([reply.status, reply.headers.get('x-request-id')]).toEqual([204, 'mine'])
  })
})

describe('a path that is there for other methods', () => {
  it.each([
    ['PUT', '/v1/tenants', 'GET, POST'],
    ['DELETE', '/v1/tenants', 'GET, POST'],
    ['PUT', '/v1/tenants/acme', 'GET, PATCH, DELETE'],
    ['GET', '/v1/tenants/acme/keys/key_1/rotate', 'POST'],
    ['DELETE', '/v1/tenants/acme/messages/msg_1', 'GET'],
    ['POST', '/healthz', 'GET'],
    ['POST', '/openapi.json', 'GET'],
    ['OPTIONS', '/v1/tenants', 'GET, POST'],
    // `batch` and `redrive` are not ids.
    ['OPTIONS', '/v1/tenants/acme/messages/batch', 'POST'],
    ['PUT', '/v1/tenants/acme/dead-letters/redrive', 'POST'],
  ])('answers %s %s with 405 and what it allows', async (method, path, allow) => {
    const reply = await call(method, path)
    expectProblem(reply, 405, 'method_not_allowed')
    expect(reply.headers.get('allow')).toBe(allow)
  })

  it('says so without a key too: what the API has is no secret', async () => {
    expectProblem(await call('PUT', '/v1/tenants', { key: null }), 405, 'method_not_allowed')
  })
})

describe('a path that is not there', () => {
  it.each([
    '/',
    '/v1',
    '/v2/tenants',
    '/v1/tenants/',
    '/v1/tenants//keys',
    '/v1/tenants/acme/',
    '/v1/tenants/a/b/c/d/e/f',
  ])('answers 404 for %s', async (path) => {
    expectProblem(await call('GET', path), 404, 'not_found')
  })
})

describe('trouble inside', () => {
  const breakDatabase = (message: string) => {
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error(message)
    })
    return vi.spyOn(console, 'error').mockImplementation(() => {})
  }

  it('with the database answers 503, and when to come back', async () => {
    breakDatabase('D1_ERROR: Network connection lost.')
    const reply = await call('GET', '/v1/tenants')
    expectProblem(reply, 503, 'unavailable')
    expect(reply.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(JSON.stringify(reply.body)).not.toContain('Network connection lost')
  })

  it('that nobody expected answers 500, is logged under the request id, and tells the caller nothing', async () => {
    const logged = breakDatabase('the secret is hunter2')
    const reply = await call('GET', '/v1/tenants', { headers: { 'x-request-id': 'find-me' } })
    expectProblem(reply, 500, 'internal')
    expect(JSON.stringify(reply.body)).not.toContain('hunter2')
    const lines = logged.mock.calls.map(([line]) => JSON.parse(String(line)))
    expect(lines).toContainEqual(expect.objectContaining({ message: 'request.internal', request_id: 'find-me' }))
  })

  it('is never blamed on a caller by the rate limiter: one that fails blocks nobody', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    vi.spyOn(Math, 'random').mockReturnValue(0)
    vi.spyOn(env.REQUEST_LIMIT, 'limit').mockRejectedValue(new Error('down'))
    expect((await call('GET', '/v1/tenants')).status).toBe(200)
    expect(JSON.parse(String(logged.mock.calls[0]))).toMatchObject({ message: 'rate_limit.failed', limiter: 'request' })
  })

  it('is kept away by the rate limiter: a key that asks too often is told when to come back', async () => {
    const tenant = await createTenant()
    const key = await tenant.key('viewer')
    // Of the requests that are counted, which chance decides.
    vi.spyOn(Math, 'random').mockReturnValue(0)
    vi.spyOn(env.REQUEST_LIMIT, 'limit').mockResolvedValue({ success: false })
    const reply = await tenant.call('GET', '/endpoints', { key })
    expectProblem(reply, 429, 'rate_limited')
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})
