import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import { type Bindings, readSettings } from '../../src/env.ts'
import { createTenant, type Reply, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

useReceivers()

const production = {
  ...env,
  ENVIRONMENT: 'production',
  ALLOW_PRIVATE_ENDPOINTS: 'false',
} as unknown as Bindings

/** Asks the same app as production sets it up; the storage is the tests'. */
async function callProduction(method: string, path: string, body: unknown): Promise<Reply> {
  const request = new Request(`https://postern.test${path}`, {
    method,
    headers: { authorization: `Bearer ${env.POSTERN_OPERATOR_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const response = await createApp().fetch(request, production, createExecutionContext())
  return { status: response.status, headers: response.headers, body: await response.json() }
}

const create = (tenant: TenantHandle, url: string) => callProduction('POST', `${tenant.path}/endpoints`, { url })

describe('in production an endpoint may be', () => {
  it.each(['https://hooks.acme.com/postern', 'https://hooks.acme.com:8443/a?b=c', 'https://bücher.example.org/'])(
    '%s',
    async (url) => {
      const { status, body } = await create(await createTenant(), url)
      expect(status).toBe(201)
      expect(body.url).toBe(new URL(url).href)
    },
  )
})

describe('in production an endpoint may not be', () => {
  it.each([
    ['no URL', 'hooks.acme.com', 'not_a_url'],
    ['plain http', 'http://hooks.acme.com/', 'scheme'],
    ['a file', 'file:///etc/passwd', 'scheme'],
    ['another port', 'https://hooks.acme.com:22/', 'port'],
    ['a URL with a password', 'https://user:pass@hooks.acme.com/', 'credentials'],
    ['a URL with a fragment', 'https://hooks.acme.com/#a', 'fragment'],
    ['this machine by name', 'https://localhost/', 'local_name'],
    ['this machine by a name below it', 'https://a.localhost/', 'local_name'],
    ['a name without a dot', 'https://intranet/', 'local_name'],
    ['a name of a local network', 'https://printer.local/', 'local_name'],
    ['a cloud’s internal name', 'https://metadata.google.internal/', 'local_name'],
    ['a local name with a dot at its end', 'https://printer.local./', 'local_name'],
    ['this machine', 'https://127.0.0.1/', 'private_address'],
    ['this machine in one number', 'https://2130706433/', 'private_address'],
    ['this machine in hexadecimal', 'https://0x7f.1/', 'private_address'],
    ['this machine in octal', 'https://0177.0.0.1/', 'private_address'],
    ['this machine in wide digits', 'https://１２７.0.0.1/', 'private_address'],
    ['this machine by IPv6', 'https://[::1]/', 'private_address'],
    ['this machine by IPv4 within IPv6', 'https://[::ffff:127.0.0.1]/', 'private_address'],
    ['a cloud’s metadata', 'https://169.254.169.254/latest/meta-data/', 'private_address'],
    ['a private network', 'https://10.0.0.1/', 'private_address'],
    ['a private network of IPv6', 'https://[fd00::1]/', 'private_address'],
    ['an address of carriers', 'https://100.64.0.1/', 'private_address'],
    ['any other address', 'https://1.1.1.1/', 'ip_literal'],
  ])('%s', async (_what, url, reason) => {
    const tenant = await createTenant()
    const reply = await create(tenant, url)
    expectProblem(reply, 422, 'url_refused')
    expect(reply.body.reason).toBe(reason)
    expect(blamed(reply)).toEqual(['url'])
    expect((await tenant.call('GET', '/endpoints')).body.data).toEqual([])
  })

  it('what it could not be, by changing it later', async () => {
    const tenant = await createTenant()
    const { body: endpoint } = await create(tenant, 'https://hooks.acme.com/')
    const reply = await callProduction('PATCH', `${tenant.path}/endpoints/${endpoint.id}`, { url: 'https://10.0.0.1/' })
    expectProblem(reply, 422, 'url_refused')
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}`)).body.url).toBe('https://hooks.acme.com/')
  })
})

describe('for local use an endpoint', () => {
  it('may be on this machine, by plain http and any port', async () => {
    const { url } = await (await createTenant()).endpoint({ url: 'http://localhost:3000/hook' })
    expect(url).toBe('http://localhost:3000/hook')
  })

  it.each([
    'ftp://localhost/',
    'javascript:alert(1)',
    'http://user:pass@localhost/',
    'http://localhost/#a',
    'nonsense',
  ])('may still not be %s', async (url) => {
    expectProblem(await (await createTenant()).call('POST', '/endpoints', { body: { url } }), 422, 'url_refused')
  })
})

describe('the settings', () => {
  const settings = (changes: Record<string, string | undefined>) => readSettings({ ...env, ...changes } as Bindings)

  it('refuse to run production with private endpoints allowed', () => {
    expect(() => settings({ ENVIRONMENT: 'production', ALLOW_PRIVATE_ENDPOINTS: 'true' })).toThrow(
      'ALLOW_PRIVATE_ENDPOINTS=true is for local use and is refused in the production environment',
    )
  })

  it.each(['dev', 'staging'])('allow them in %s', (ENVIRONMENT) => {
    expect(settings({ ENVIRONMENT, ALLOW_PRIVATE_ENDPOINTS: 'true' }).allow_private_endpoints).toBe(true)
  })

  it('allow none unless told to', () => {
    expect(settings({ ENVIRONMENT: 'production', ALLOW_PRIVATE_ENDPOINTS: undefined })).toMatchObject({
      allow_private_endpoints: false,
      endpoint_ports: [443, 8443],
    })
  })

  it.each([
    ['an environment that does not exist', { ENVIRONMENT: 'prod' }, 'ENVIRONMENT'],
    ['a port that is none', { ENDPOINT_PORTS: '443,https' }, 'ENDPOINT_PORTS'],
    ['no master keys', { MASTER_KEYS: '' }, 'MASTER_KEYS'],
  ])('refuse %s, naming the setting', (_what, changes, name) => {
    expect(() => settings(changes)).toThrow(name)
  })
})
