/** What every answer says to browsers and caches, and what no header of a request can bring about. */
import { describe, expect, it } from 'vitest'
import { call, createTenant, type Reply, useReceivers } from '../worker/harness.ts'
import { blamed, expectProblem } from '../worker/problem.ts'

useReceivers()

const ANSWERS: [string, () => Promise<Reply>][] = [
  ['200 of the API', () => call('GET', '/v1/tenants')],
  ['201', async () => (await createTenant()).call('POST', '/keys', { body: { name: 'a', role: 'viewer' } })],
  ['204', async () => (await createTenant()).call('DELETE', '')],
  ['400', () => call('POST', '/v1/tenants', { text: '{' })],
  ['401', () => call('GET', '/v1/tenants', { key: null })],
  ['404', () => call('GET', '/nowhere')],
  ['405', () => call('PUT', '/v1/tenants')],
  ['413', () => call('POST', '/v1/tenants', { text: 'x'.repeat(2 ** 20 + 1) })],
  ['414', () => call('GET', `/${'x'.repeat(9000)}`)],
  ['422', () => call('POST', '/v1/tenants', { body: {} })],
  ['431', () => call('GET', '/healthz', { headers: { 'x-large': 'x'.repeat(40_000) } })],
  ['/healthz', () => call('GET', '/healthz')],
  ['/openapi.json', () => call('GET', '/openapi.json')],
  ['/docs', () => call('GET', '/docs')],
]

describe('the answer', () => {
  it.each(ANSWERS)(
    '%s has every security header, is kept by no cache and open to no other origin',
    async (_what, ask) => {
      const { headers } = await ask()
      expect(Object.fromEntries(headers)).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': 'max-age=63072000; includeSubDomains',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'x-request-id': expect.stringMatching(/\S/),
      })
      for (const name of headers.keys())
        expect(name).not.toMatch(/^access-control-|^server$|^x-powered-by$|^set-cookie$/)
    },
  )
})

describe('/docs', () => {
  it('runs its own style and script, and nothing else', async () => {
    const { headers, body } = await call('GET', '/docs', { key: null })
    const policy = headers.get('content-security-policy')
    expect(policy).not.toContain('unsafe')
    const inline = [...body.matchAll(/<(style|script)>(.*?)<\/\1>/gs)]
    expect(inline.map(([, kind]) => kind).toSorted()).toEqual(['script', 'style'])
    for (const [, kind, text = ''] of inline) {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
      expect(policy).toContain(`${kind}-src 'sha256-${btoa(String.fromCharCode(...digest))}'`)
    }
    expect(body).not.toMatch(/\son\w+=|javascript:|style="/)
  })
})

describe('a page of another origin', () => {
  it.each(['/v1/tenants', '/healthz', '/openapi.json', '/nowhere'])(
    'is not let in by a preflight of %s',
    async (path) => {
      const headers = {
        origin: 'https://evil.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      }
      const { status, headers: answered, body } = await call('OPTIONS', path, { key: null, headers })
      expect([404, 405]).toContain(status)
      expect([...answered.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
      expect(JSON.stringify(body)).not.toMatch(/\bat \S+:\d+/)
    },
  )

  it.each(['https://evil.example', 'null'])('cannot read an answer: Origin %s', async (origin) => {
    const { headers } = await call('GET', '/v1/tenants', { headers: { origin } })
    expect(headers.has('access-control-allow-origin')).toBe(false)
  })
})

describe('the method', () => {
  it.each(['x-http-method-override', 'x-http-method', 'x-method-override'])('is not overridden by %s', async (name) => {
    const tenant = await createTenant()
    const { status } = await tenant.call('GET', '', { headers: { [name]: 'DELETE' } })
    expect(status).toBe(200)
    expect((await tenant.call('GET', '?_method=DELETE')).status).toBe(422)
    expect((await tenant.call('GET', '')).status).toBe(200)
  })

  it('HEAD answers as GET does, without a body and with the same need of a key', async () => {
    const [head, get] = [await call('HEAD', '/v1/tenants'), await call('GET', '/v1/tenants')]
    expect([head.status, head.body, head.headers.get('content-type')]).toEqual([
      200,
      null,
      get.headers.get('content-type'),
    ])
    expect((await call('HEAD', '/v1/tenants', { key: null })).status).toBe(401)
  })

  it('HEAD is refused where there is no GET', async () => {
    expect((await call('HEAD', '/v1/tenants/acme/dead-letters/redrive')).status).toBe(405)
  })
})

describe('a request that is larger than any that makes sense', () => {
  it('by the length of its URL', async () => {
    expect((await call('GET', `/v1/tenants?cursor=${'x'.repeat(900)}`)).status).toBe(400)
    expectProblem(await call('GET', `/v1/tenants?cursor=${'x'.repeat(8200)}`), 414, 'uri_too_long')
  })

  it('by the number of its headers', async () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']))
    expect((await call('GET', '/v1/tenants', { headers: many(90) })).status).toBe(200)
    expectProblem(await call('GET', '/v1/tenants', { headers: many(101) }), 431, 'headers_too_large')
  })

  it('by the size of its headers', async () => {
    expect((await call('GET', '/v1/tenants', { headers: { 'x-a': 'v'.repeat(30_000) } })).status).toBe(200)
    const reply = await call('GET', '/v1/tenants', { headers: { 'x-a': 'v'.repeat(33_000) } })
    expectProblem(reply, 431, 'headers_too_large')
  })

  it('is refused before its key is looked at', async () => {
    expectProblem(await call('GET', `/v1/tenants?a=${'x'.repeat(9000)}`, { key: null }), 414, 'uri_too_long')
  })
})

describe('a query', () => {
  it.each([
    ['a parameter that the route does not know', '/v1/tenants?stats=dead', 'stats'],
    ['a parameter of a route that knows none', '/v1/tenants/acme?limit=1', 'limit'],
    ['a parameter that is there twice', '/v1/tenants?limit=1&limit=2', 'limit'],
    ['a parameter in brackets', '/v1/tenants?limit[]=1', 'limit[]'],
    ['a prototype', '/v1/tenants?__proto__=1', '__proto__'],
    ['a prototype’s member', '/v1/tenants?__proto__[admin]=1', '__proto__[admin]'],
    ['a constructor', '/v1/tenants?constructor=1', 'constructor'],
  ])('is refused for %s', async (_what, path, name) => {
    const tenant = await createTenant()
    const reply = await call('GET', path.replace('acme', tenant.id))
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([name])
  })

  it('says nothing to who has no key', async () => {
    expectProblem(await call('GET', '/v1/tenants?nonsense=1', { key: null }), 401, 'unauthorized')
  })

  it('may be anything where no key is needed, since nothing is read from it', async () => {
    expect((await call('GET', '/healthz?cachebuster=1', { key: null })).status).toBe(200)
  })
})

describe('a path', () => {
  it.each([
    '/v1/tenants/%00',
    '/v1/tenants/acme%00',
    '/v1/tenants/a%2fb',
    '/v1/tenants/a%5cb',
    '/v1/tenants/%zz',
    '/v1/tenants/%ff',
    '/v1/tenants/%F0%9F%90%88',
    '/v1/tenants/a%20b',
    "/v1/tenants/'%20OR%201=1--",
    `/v1/tenants/${'x'.repeat(129)}`,
    '/v1/tenants/acme/messages/msg_1%0d%0ax-evil:%201',
    '//v1/tenants',
    '/v1//tenants',
    '/V1/tenants',
    '/v1/tenants%2f',
    '/v1/tenants;a=b',
  ])('that can name nothing is one that is not there, with a key or without: %s', async (path) => {
    expectProblem(await call('GET', path), 404, 'not_found')
    expectProblem(await call('GET', path, { key: null }), 404, 'not_found')
  })

  it.each(['/v1/../healthz', '/v1/%2e%2e/healthz', '/v1/./../healthz'])(
    'with dots is what the URL Standard makes of it before any route is chosen: %s',
    async (path) => {
      expect((await call('GET', path, { key: null })).status).toBe(200)
    },
  )

  it('with dots reaches no other tenant', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const key = await tenant.key('admin')
    for (const dots of ['..', '%2e%2e', '.%2E'])
      expectProblem(await call('GET', `${tenant.path}/${dots}/${other.id}/keys`, { key }), 404, 'not_found')
  })

  it('is not repeated in what is answered', async () => {
    const { body } = await call('GET', '/<script>alert(1)</script>')
    expect(JSON.stringify(body)).not.toContain('script')
  })
})

describe('a request that an attempt of Postern makes', () => {
  it('is refused by the API, or an endpoint could publish to itself for ever', async () => {
    const tenant = await createTenant()
    expectProblem(await tenant.publish({}, { 'postern-attempt': '1' }), 508, 'loop_detected')
  })
})
