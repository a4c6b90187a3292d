import { describe, expect, it } from 'vitest'
import { checkPublicUrl, type UrlPolicy } from '../../src/lib/public-url.ts'

const PUBLIC: UrlPolicy = { allow_private: false, ports: [443, 8443] }
const LOCAL: UrlPolicy = { allow_private: true, ports: [443] }

/** The URL as it would be called, or the reason why it would not. */
function verdict(text: string, policy = PUBLIC): string {
  const checked = checkPublicUrl(text, policy)
  return checked.ok ? checked.value.href : checked.error.reason
}

describe('a destination that may be called', () => {
  it.each([
    ['https://hooks.acme.com/postern', 'https://hooks.acme.com/postern'],
    ['https://hooks.acme.com', 'https://hooks.acme.com/'],
    ['https://hooks.acme.com:443/a?b=c', 'https://hooks.acme.com/a?b=c'],
    ['https://hooks.acme.com:8443/', 'https://hooks.acme.com:8443/'],
    ['HTTPS://Hooks.ACME.com/Path', 'https://hooks.acme.com/Path'],
    ['https://bücher.de/', 'https://xn--bcher-kva.de/'],
    ['https://example.com/', 'https://example.com/'],
    ['https://localhost.acme.com/', 'https://localhost.acme.com/'],
    ['https://internal-tools.acme.com/', 'https://internal-tools.acme.com/'],
    ['https://mylocal.net/', 'https://mylocal.net/'],
    ['https://10.acme.com/', 'https://10.acme.com/'],
    ['https://hooks.acme.com./', 'https://hooks.acme.com./'],
  ])('is %s', (text, called) => {
    expect(verdict(text)).toBe(called)
  })
})

describe('an address that is not public, in any spelling, is refused', () => {
  it.each([
    ['loopback', ['127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7F.0.0.1', '0177.0.0.1']],
    ['loopback, mixed', ['0x7f.1', '0177.1', '127.0x0.0.01', '0x7f.0.1', '017700000001', '127.255.255.254']],
    ['this host', ['0.0.0.0', '0', '0x0', '00', '0.0.0.1']],
    ['private 10/8', ['10.0.0.1', '10.1', '167772161', '0xa.0.0.1', '012.0.0.1', '10.255.255.255']],
    ['private 172.16/12', ['172.16.0.1', '172.31.255.255', '0xac100001', '2886729729']],
    ['private 192.168/16', ['192.168.0.1', '192.168.1', '0xc0a80001', '3232235521', '0300.0250.0.1']],
    ['carrier-grade NAT', ['100.64.0.1', '100.127.255.254']],
    ['metadata services', ['169.254.169.254', '0xa9fea9fe', '2852039166', '0251.0376.0251.0376', '169.254.43518']],
    ['metadata of others', ['169.254.170.2', '100.100.100.200', '192.0.0.192']],
    ['benchmarks and documentation', ['198.18.0.1', '192.0.2.1', '198.51.100.7', '203.0.113.7']],
    ['multicast and reserved', ['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '0xffffffff']],
    ['IPv6 loopback and unspecified', ['[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[0000::0001]']],
    ['IPv6 local', ['[fc00::1]', '[fd00:ec2::254]', '[fe80::1]', '[febf::1]']],
    ['IPv6 multicast and documentation', ['[ff02::1]', '[2001:db8::1]']],
    ['IPv4 in IPv6', ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:a9fe:a9fe]', '[::ffff:10.0.0.1]']],
    ['IPv4-compatible IPv6', ['[::127.0.0.1]', '[::7f00:1]', '[::a9fe:a9fe]']],
    ['NAT64', ['[64:ff9b::127.0.0.1]', '[64:ff9b::a9fe:a9fe]', '[64:ff9b:1::7f00:1]']],
    ['6to4 and Teredo', ['[2002:7f00:1::]', '[2002:a9fe:a9fe::1]', '[2001:0:7f00:1::]']],
    ['escapes and other digits', ['%31%32%37.0.0.1', '１２７.０.０.１', '127。0。0。1', '①②⑦.0.0.1', '0X7F.0.0.1']],
    ['trailing dots', ['127.0.0.1.', '127.0.0.1..', '0x7f.1..', '2130706433..', '169.254.169.254.']],
  ])('%s', (_kind, hosts) => {
    for (const host of hosts) {
      expect([host, verdict(`https://${host}/latest/meta-data/`)]).toEqual([
        host,
        expect.stringMatching(/^(private_address|ip_literal)$/),
      ])
    }
  })

  it.each(['127.0.0.1', '10.1', '[::1]', '[::ffff:a9fe:a9fe]', '0xa9fea9fe'])('with its reason: %s', (host) => {
    expect(verdict(`https://${host}/`)).toBe('private_address')
  })
})

describe('a public address without a name is refused, as Workers cannot call it', () => {
  it.each(['8.8.8.8', '134744072', '0x8.8.8.8', '[2606:4700:4700::1111]', '[::ffff:8.8.8.8]'])('%s', (host) => {
    expect(verdict(`https://${host}/`)).toBe('ip_literal')
  })
})

describe('a name that only exists inside a network is refused', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    'LocalHost.',
    'localhost..',
    'api.localhost',
    'api.LOCALHOST.',
    'ｌｏｃａｌｈｏｓｔ',
    'loc%61lhost',
    'printer.local',
    'printer.LOCAL.',
    'metadata.google.internal',
    'METADATA.GOOGLE.INTERNAL.',
    'instance-data.ec2.internal',
    'vault.internal..',
    'metadata',
    'intranet',
    'router.lan',
    'nas.home.arpa',
    'db.corp',
    'localhost.localdomain',
    'localhost6.localdomain6',
    '1.0.0.127.in-addr.arpa',
    'kubernetes.default.svc.cluster.local',
  ])('%s', (host) => {
    expect(verdict(`https://${host}/`)).toBe('local_name')
  })
})

describe('a URL is refused', () => {
  it.each([
    ['that is none', '', 'not_a_url'],
    ['that is none', 'hooks.acme.com/path', 'not_a_url'],
    ['that is none', 'https://', 'not_a_url'],
    ['with a space in its host', 'https://hooks acme.com/', 'not_a_url'],
    ['with a zone in its address', 'https://[fe80::1%25eth0]/', 'not_a_url'],
    ['that is not encrypted', 'http://hooks.acme.com/', 'scheme'],
    ['of another scheme', 'ftp://hooks.acme.com/', 'scheme'],
    ['of another scheme', 'file:///etc/passwd', 'scheme'],
    ['of another scheme', 'javascript:alert(1)', 'scheme'],
    ['of another scheme', 'data:text/plain,x', 'scheme'],
    ['with a user name', 'https://user@hooks.acme.com/', 'credentials'],
    ['with a password', 'https://:secret@hooks.acme.com/', 'credentials'],
    ['with a host that looks like a user name', 'https://hooks.acme.com@127.0.0.1/', 'credentials'],
    ['with a fragment', 'https://hooks.acme.com/#top', 'fragment'],
    ['with a port of another service', 'https://hooks.acme.com:22/', 'port'],
    ['with a port of another service', 'https://hooks.acme.com:6379/', 'port'],
    ['with port 80', 'https://hooks.acme.com:80/', 'port'],
    ['with port 0', 'https://hooks.acme.com:0/', 'port'],
    ['with a port that is none', 'https://hooks.acme.com:99999/', 'not_a_url'],
    ['that is too long', `https://hooks.acme.com/${'a'.repeat(2048)}`, 'too_long'],
  ])('%s: %.60s', (_what, text, reason) => {
    expect(verdict(text)).toBe(reason)
  })

  it('when a backslash hides its host', () => {
    expect(verdict('https://127.0.0.1\\@hooks.acme.com/')).toBe('private_address')
    expect(verdict('https:\\\\127.0.0.1/')).toBe('private_address')
  })

  it('when white space hides its host, as the parser leaves it out', () => {
    expect(verdict(' https://127.0.\t0.1/ ')).toBe('private_address')
    expect(verdict('https://local\nhost/')).toBe('local_name')
  })

  it('in words that name the problem and do not repeat what was entered', () => {
    const checked = checkPublicUrl('https://user:hunter2@hooks.acme.com/', PUBLIC)
    expect(checked).toMatchObject({ ok: false, error: { message: expect.stringContaining('user name or password') } })
    expect(JSON.stringify(checked)).not.toContain('hunter2')
  })

  it('naming the ports that are allowed', () => {
    expect(checkPublicUrl('https://hooks.acme.com:22/', PUBLIC)).toMatchObject({
      error: { message: 'the port must be one of 443, 8443' },
    })
  })
})

describe('for local use', () => {
  it.each([
    'http://localhost:3000/hook',
    'http://127.0.0.1:8788/',
    'https://[::1]:9/',
    'https://receiver.local/',
    'http://192.168.0.7/',
  ])('%s may be called', (text) => {
    expect(verdict(text, LOCAL)).toBe(text)
  })

  it.each([
    ['ftp://localhost/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['http://user:secret@localhost/', 'credentials'],
    ['http://localhost/#top', 'fragment'],
  ])('%s may not', (text, reason) => {
    expect(verdict(text, LOCAL)).toBe(reason)
  })
})
