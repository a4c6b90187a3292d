/** URLs that would have Postern reach into a network: refused when they are saved, and again when they are called. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import type { Bindings } from '../../src/env.ts'
import { attemptOnce } from '../unit/model/receiver.ts'
import { createTenant, type Reply, type TenantHandle, useReceivers } from '../worker/harness.ts'
import { blamed, expectProblem } from '../worker/problem.ts'

useReceivers()

/** By what each would reach, were it called. */
const CORPUS: Record<string, string[]> = {
  'this machine': [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://127.0.0.1./',
    'https://2130706433/',
    'https://017700000001/',
    'https://0x7f000001/',
    'https://0x7f.0x0.0x0.0x1/',
    'https://0177.0.0.01/',
    'https://127.0.0.1:8443/',
    'https://0.0.0.0/',
    'https://0/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://a.localhost/',
    'https://localhost6/',
    'https://loc%61lhost/',
    'https://ｌｏｃａｌｈｏｓｔ/',
    'https://localhost%E3%80%82/',
    'https://①②⑦.⓪.⓪.①/',
    'https://127。0。0。1/',
    'https://127%2e0%2e0%2e1/',
    'https://[::1]/',
    'https://[::]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[0:0:0:0:0:ffff:127.0.0.1]/',
    'https://[::127.0.0.1]/',
  ],
  'a private network': [
    'https://10.0.0.1/',
    'https://10.1/',
    'https://012.0.0.1/',
    'https://167772161/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://192.168.257/',
    'https://100.64.0.1/',
    'https://198.18.0.1/',
    'https://[fd00::1]/',
    'https://[fc00::1]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[fe80::1%25eth0]/',
    'https://[fe80::1%eth0]/',
    'https://[::ffff:10.0.0.1]/',
    'https://[::ffff:192.168.0.1]/',
    'https://[2002:0a00:0001::]/',
    'https://[2002:7f00:1::]/',
    'https://[64:ff9b::10.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[64:ff9b:1::1]/',
    'https://[2001:0:7f00:1::]/',
    'https://[100::1]/',
    'https://router/',
    'https://router.lan/',
    'https://printer.local/',
    'https://nas.home.arpa/',
    'https://db.corp/',
    'https://vault.internal/',
    'https://kubernetes.default.svc.cluster.local/',
    'https://1.0.0.127.in-addr.arpa/',
  ],
  'a cloud’s metadata': [
    'https://169.254.169.254/latest/meta-data/',
    'https://169.254.169.254./',
    'https://2852039166/',
    'https://0xa9fea9fe/',
    'https://0251.0376.0251.0376/',
    'https://169.16689662/',
    'https://[::ffff:169.254.169.254]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[fd00:ec2::254]/',
    'https://169.254.170.2/',
    'https://100.100.100.200/',
    'https://192.0.0.192/',
    'https://168.63.129.16/',
    'https://metadata.google.internal/',
    'https://metadata.google.internal./',
    'https://METADATA.google.INTERNAL/',
    'https://metadata/',
    'https://instance-data.ec2.internal/',
  ],
  'everybody, or nobody': [
    'https://255.255.255.255/',
    'https://224.0.0.1/',
    'https://240.0.0.1/',
    'https://[ff02::1]/',
    'https://[2001:db8::1]/',
    'https://192.0.2.1/',
    'https://a.test/',
    'https://a.example/',
    'https://a.invalid/',
    'https://abc.onion/',
  ],
  'an address without a name': [
    'https://1.1.1.1/',
    'https://8.8.8.8:8443/',
    'https://134744072/',
    'https://[2606:4700:4700::1111]/',
    'https://[::ffff:8.8.8.8]/',
  ],
  'another service': [
    'https://hooks.acme.com:22/',
    'https://hooks.acme.com:25/',
    'https://hooks.acme.com:80/',
    'https://hooks.acme.com:0/',
    'https://hooks.acme.com:6379/',
    'https://hooks.acme.com:65535/',
    'https://hooks.acme.com:65536/',
    'https://hooks.acme.com:-1/',
  ],
  'by another scheme': [
    'http://hooks.acme.com/',
    'ftp://hooks.acme.com/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:6379/_FLUSHALL',
    'dict://127.0.0.1:11211/stats',
    'ldap://127.0.0.1/',
    'ws://hooks.acme.com/',
    'wss://hooks.acme.com/',
    'data:text/plain,hello',
    'blob:https://hooks.acme.com/1',
    'javascript:alert(1)',
    'about:blank',
    'jar:https://hooks.acme.com!/',
    'https+unix://%2Fvar%2Frun%2Fdocker.sock/',
  ],
  'another host than it seems': [
    'https://hooks.acme.com@127.0.0.1/',
    'https://hooks.acme.com:443@169.254.169.254/',
    'https://user:password@hooks.acme.com/',
    'https://@hooks.acme.com@10.0.0.1/',
    'https://hooks.acme.com%40127.0.0.1/',
    'https://127.0.0.1\\@hooks.acme.com/',
    'https:\\\\127.0.0.1/',
    'https:/\\127.0.0.1/',
    'https:127.0.0.1',
    '///127.0.0.1/',
    'https://127.0.0.1#@hooks.acme.com/',
    'https://hooks.acme.com/#fragment',
    'https://127.0.0.1?@hooks.acme.com/',
    'https://127.\t0.0.1/',
    'https://127.0.\n0.1/',
    'https://local\r\nhost/',
    '\u0000https://127.0.0.1/',
    ' https://127.0.0.1/ ',
    'https://hooks.acme.com\u0000.evil.com/',
    'https://hooks.acme.com%00.evil.com/',
    'https://hooks acme.com/',
    'https://hooks.acme.com%0d%0ahost:%20evil/',
  ],
  'a name that DNS cannot have': [
    'https://hooks..acme.com/',
    'https://.acme.com/',
    'https://hooks.acme.com../',
    `https://${'a'.repeat(64)}.com/`,
    `https://${'a.'.repeat(130)}com/`,
    'https://*.acme.com/',
    'https://{tenant}.acme.com/',
    'https://hooks.acme.com,evil.com/',
    "https://hooks'.acme.com/",
    'https://$(id).acme.com/',
    'https://a\u00ad.\u200b/',
    'https:///hooks.acme.com:x/',
  ],
  nothing: ['', ' ', 'hooks.acme.com', '//hooks.acme.com/', '/hook', 'https://', 'https:///', 'https://:443/', 'https'],
}

const NASTY = Object.entries(CORPUS).flatMap(([what, urls]) => urls.map((url) => [what, url] as const))

const production = { ...env, ENVIRONMENT: 'production', ALLOW_PRIVATE_ENDPOINTS: 'false' } as unknown as Bindings
const app = createApp()

/** Asks the same app as production sets it up. */
async function callProduction(tenant: TenantHandle, method: string, path: string, body: unknown): Promise<Reply> {
  const request = new Request(`https://postern.test${tenant.path}${path}`, {
    method,
    headers: { authorization: `Bearer ${env.POSTERN_OPERATOR_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const response = await app.fetch(request, production, createExecutionContext())
  return { status: response.status, headers: response.headers, body: await response.json() }
}

describe('a URL that would reach into a network', () => {
  let tenant: TenantHandle
  let id: string
  beforeAll(async () => {
    tenant = await createTenant()
    id = (await tenant.endpoint({ url: 'https://hooks.acme.com/' })).id
  })

  it.each(NASTY)('is refused when an endpoint is made, and when it is changed: %s, %j', async (_what, url) => {
    const replies = [
      await callProduction(tenant, 'POST', '/endpoints', { url }),
      await callProduction(tenant, 'PATCH', `/endpoints/${id}`, { url }),
    ]
    for (const reply of replies) {
      expectProblem(reply, 422, url === '' ? 'invalid_request' : 'url_refused')
      expect(blamed(reply)).toEqual(['url'])
      // What is refused may hold a password, and goes into nobody's log.
      expect(JSON.stringify(reply.body)).not.toContain('password@')
    }
    expect((await tenant.call('GET', '/endpoints')).body.data).toMatchObject([{ url: 'https://hooks.acme.com/' }])
  })

  it.each(NASTY)('is not called though it was saved when the rules were weaker: %s, %j', async (_what, url) => {
    const { finished, calls } = await attemptOnce({ destination: { url } })
    expect(calls).toBe(0)
    expect(finished.record).toMatchObject({ status: null, error: 'url_refused', request_headers: {} })
    expect(finished.outcome).toEqual({ kind: 'failure', retry_after_ms: null, is_gone: false, blames_receiver: false })
  })
})

describe('a URL of the public internet', () => {
  it.each([
    ['https://hooks.acme.com/', 'https://hooks.acme.com/'],
    ['https://hooks.acme.com:8443/a/b?c=d', 'https://hooks.acme.com:8443/a/b?c=d'],
    ['https://bücher.de/', 'https://xn--bcher-kva.de/'],
    ['https://hooks_1.acme.com/', 'https://hooks_1.acme.com/'],
    ['https://hooks.acme.com./', 'https://hooks.acme.com./'],
    ['https://localhost.acme.com/', 'https://localhost.acme.com/'],
    ['https://hooks.acme.com/a/../b', 'https://hooks.acme.com/b'],
    ['https://hooks.acme.com/?url=https://127.0.0.1/', 'https://hooks.acme.com/?url=https://127.0.0.1/'],
  ])('is kept as it will be called: %s', async (url, called) => {
    const { status, body } = await callProduction(await createTenant(), 'POST', '/endpoints', { url })
    expect([status, body.url]).toEqual([201, called])
  })
})

describe('a header that was saved when the rules were weaker', () => {
  it.each(['host', 'Host', 'content-length', 'transfer-encoding', 'connection', 'cf-connecting-ip', 'x-forwarded-for'])(
    'is left out when the endpoint is called: %s',
    async (name) => {
      const own = await attemptOnce({ destination: { headers: { [name]: 'evil', 'x-a': 'b' } } })
      const forwarded = await attemptOnce({ parcel: { headers: JSON.stringify({ [name]: 'evil', 'x-a': 'b' }) } })
      for (const { received } of [own, forwarded]) {
        expect(received?.headers['x-a']).toBe('b')
        expect(Object.values(received?.headers ?? {})).not.toContain('evil')
      }
    },
  )
})

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('of %i is a failure, and its target is never called', async (status) => {
    const headers = { location: 'https://169.254.169.254/latest/meta-data/' }
    const { finished, calls, received } = await attemptOnce({ answer: () => new Response(null, { status, headers }) })
    expect(calls).toBe(1)
    expect(received?.redirect).toBe('manual')
    expect(finished.record).toMatchObject({ status, error: 'redirect' })
  })
})
