import { createHmac } from 'node:crypto'
import { sign as signAsGithub, verify as verifyAsGithub } from '@octokit/webhooks-methods'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { hmac as sampler } from '../../../scripts/samples/hmac.ts'
import { SELECTORS } from '../../../scripts/samples/orders.ts'
import type { Invented, Sampler } from '../../../scripts/samples/sampler.ts'
import { hmac as provider } from '../../../src/sources/providers/hmac.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

const decode = (body: Uint8Array) => new TextDecoder().decode(body)

/** As its owner would describe one; the sample signs as the provider that is described. */
function describedAs(settings: Record<string, unknown>, sign: Sampler['sign']): Sampler {
  return {
    ...sampler,
    async invent() {
      return { ...(await sampler.invent()), settings: { ...settings, ...SELECTORS } }
    },
    sign,
  }
}

const signature = (algorithm: string, key: string, ...parts: (string | Uint8Array)[]) => {
  const mac = createHmac(algorithm, key)
  for (const part of parts) mac.update(part)
  return mac
}

describeScheme('HMAC, by default', {
  provider,
  sampler,
  signs: 'bytes',
  signature_headers: ['x-signature', 'x-timestamp'],
  is_timed: true,
  covers_body: true,
})

describeScheme('HMAC, described as GitHub’s', {
  provider,
  sampler: describedAs({ header: 'X-Hub-Signature-256', prefix: 'sha256=' }, (body, _occasion, { signing_key }) => ({
    headers: { 'x-hub-signature-256': `sha256=${signature('sha256', signing_key, body).digest('hex')}` },
  })),
  sign: async (body, _occasion, { signing_key }) => ({
    headers: { 'x-hub-signature-256': await signAsGithub(signing_key, decode(body)) },
  }),
  believes: ({ body, headers }, { signing_key }) =>
    verifyAsGithub(signing_key, decode(body), headers.get('x-hub-signature-256') ?? ''),
  signs: 'text',
  signature_headers: ['x-hub-signature-256'],
  is_timed: false,
  covers_body: true,
})

const STANDARD = {
  header: 'webhook-signature',
  encoding: 'base64',
  prefix: 'v1,',
  separator: ' ',
  content: '{id}.{timestamp}.{body}',
  timestamp_header: 'webhook-timestamp',
  id_header: 'webhook-id',
  key_encoding: 'base64',
}

const standardSampler = describedAs(STANDARD, (body, { id, now }, { signing_key }) => {
  const timestamp = String(Math.floor(now.getTime() / 1000))
  const code = createHmac('sha256', Buffer.from(signing_key, 'base64')).update(`${id}.${timestamp}.`).update(body)
  return {
    headers: {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1a,b3RoZXI= v1,${code.digest('base64')}`,
    },
  }
})

describeScheme('HMAC, described as Standard Webhooks', {
  provider,
  sampler: standardSampler,
  sign(body, { id, now }, { signing_key }) {
    const timestamp = String(Math.floor(now.getTime() / 1000))
    const signed = new Webhook(signing_key).sign(id, now, decode(body))
    return { headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signed } }
  },
  signs: 'text',
  signature_headers: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  is_timed: true,
  covers_body: true,
})

describeScheme('HMAC of URL and body, as Square and others do', {
  provider,
  sampler: describedAs(
    { header: 'x-hmac', encoding: 'base64url', algorithm: 'sha512', content: '{url}{body}' },
    (body, { url }, { signing_key }) => ({
      headers: { 'x-hmac': signature('sha512', signing_key, url, body).digest('base64url') },
    }),
  ),
  signs: 'bytes',
  signature_headers: ['x-hmac'],
  is_timed: false,
  covers_body: true,
})

describeScheme('HMAC in the header Authorization, as outgoing webhooks of Microsoft Teams', {
  provider,
  sampler: describedAs(
    { header: 'authorization', encoding: 'base64', prefix: 'HMAC ', algorithm: 'sha1', key_encoding: 'hex' },
    (body, _occasion, { signing_key }) => ({
      headers: {
        authorization: `HMAC ${createHmac('sha1', Buffer.from(signing_key, 'hex')).update(body).digest('base64')}`,
      },
    }),
  ),
  signs: 'bytes',
  signature_headers: ['authorization'],
  is_timed: false,
  covers_body: true,
})

describe('HMAC by settings', () => {
  const body = new TextEncoder().encode('{"id": "1"}')
  const source = (settings: Record<string, unknown>, secret = 'a secret of somebody'): Invented => ({
    signing_key: secret,
    credentials: { secret },
    settings,
  })
  const verify = (headers: Record<string, string>, invented: Invented) =>
    provider.verify(requestOf({ headers }, body), givenBy({ provider }, [invented]))

  it('looks at every signature between the separators, and at none of another scheme', async () => {
    const invented = source({ header: 'x-s', prefix: 'v1=', separator: ',' })
    const code = signature('sha256', invented.signing_key, body).digest('hex')
    const wrong = '00'.repeat(32)
    expect(await verify({ 'x-s': `v1=${wrong},v1=${code}` }, invented)).toEqual({ ok: true })
    expect(await verify({ 'x-s': `v0=?,v1=${code}` }, invented)).toEqual({ ok: true })
    expect(await verify({ 'x-s': `v0=${code}` }, invented)).toEqual({ ok: false, error: 'malformed_signature' })
    expect(await verify({ 'x-s': `v1=${wrong},v1=` }, invented)).toEqual({ ok: false, error: 'malformed_signature' })
    expect(await verify({ 'x-s': `v1=${wrong}, v1=${code}` }, invented)).toEqual({
      ok: false,
      error: 'duplicate_header',
    })
  })

  it('knows one way only to cut what was signed apart: an id does not have in it what ends it', async () => {
    const secret = 'a secret of a test'
    const settings = {
      header: 'x-signature',
      content: 'v1.{id}.{timestamp}.{body}',
      timestamp_header: 'x-timestamp',
      id_header: 'x-id',
    }
    const given = givenBy({ provider }, [{ signing_key: secret, credentials: { secret }, settings }])
    const now_s = given.now / 1000
    // Signed years ago, with a text of a stranger's choice in it.
    const headers = {
      'x-id': 'evt_1.1600000000.{"text":"a',
      'x-timestamp': String(now_s),
      'x-signature': signature('sha256', secret, `v1.evt_1.1600000000.{"text":"a.${now_s}.[1]"}`).digest('hex'),
    }
    const verdict = await provider.verify(requestOf({ headers }, Buffer.from('[1]"}')), given)
    expect(verdict).toEqual({ ok: false, error: 'malformed_signature' })
  })

  it('reads milliseconds', async () => {
    const invented = source({
      header: 'x-s',
      content: '{timestamp}{body}',
      timestamp_header: 'x-t',
      timestamp_unit: 'ms',
    })
    const at = (time: string) => ({
      'x-t': time,
      'x-s': signature('sha256', invented.signing_key, time, body).digest('hex'),
    })
    const now = Date.parse('2026-11-24T12:00:00Z')
    expect(await verify(at(String(now)), invented)).toEqual({ ok: true })
    expect(await verify(at(String(now - 300_001)), invented)).toEqual({ ok: false, error: 'timestamp_too_old' })
    expect(await verify(at('soon'), invented)).toEqual({ ok: false, error: 'malformed_timestamp' })
  })

  it('has nothing to verify with when the secret is not written as the settings say', async () => {
    const invented = source({ header: 'x-s', key_encoding: 'hex' }, 'no hexadecimal')
    expect(await verify({ 'x-s': '00' }, invented)).toEqual({ ok: false, error: 'no_credentials' })
  })

  it('says by id and time that are signed which event it is, where nothing else does', () => {
    const request = requestOf({ headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': '1764000000' } }, body)
    expect(provider.identify(request, provider.settings.parse(STANDARD))).toEqual({
      id: 'msg_1',
      type: null,
      sent_at: '1764000000',
    })
    const selected = provider.settings.parse({ ...STANDARD, event_id: { body: '/id' } })
    expect(provider.identify(request, selected)).toMatchObject({ id: '1' })
    expect(provider.identify(request, provider.settings.parse({ header: 'x-s' }))).toEqual({
      id: null,
      type: null,
      sent_at: null,
    })
  })

  it('forwards what was signed, but nothing that may be a credential', () => {
    const forwarded = (settings: Record<string, unknown>) =>
      provider.alsoForwards?.(provider.settings.parse({ event_type: { header: 'X-Event' }, ...settings }))
    expect(forwarded(STANDARD)).toEqual(['webhook-signature', 'webhook-timestamp', 'webhook-id', 'x-event'])
    expect(forwarded({ header: 'Authorization' })).toEqual(['x-event'])
  })

  it.each([
    { header: 'x-s', content: '{timestamp}' },
    { header: 'x-s', content: '{timestamp}.{body}' },
    { header: 'x-s', timestamp_header: 'x-t' },
    { header: 'x-s', content: '{id}.{body}' },
    { header: 'x-s', id_header: 'x-i' },
    { header: 'x-s', content: '{body}{body}' },
    { header: 'x-s', content: '{secret}{body}' },
    { header: 'x-s', content: '{body' },
    { header: 'x s' },
    { header: '' },
    { header: 'x-s', algorithm: 'md5' },
    { header: 'x-s', prefix: 'é' },
    { header: 'x-s', event_type: { header: 'authorization' } },
    {},
  ])('is not described by %o', (settings) => {
    expect(provider.settings.safeParse(settings).success).toBe(false)
  })

  it('invents a secret that is right for every encoding of keys', async () => {
    const invent = provider.invent?.((length) => new Uint8Array(length).fill(0xa7))
    const { secret } = provider.credentials.parse(invent)
    for (const key_encoding of ['utf8', 'hex', 'base64'] as const) {
      const key = Buffer.from(String(secret), key_encoding)
      const code = createHmac('sha256', key).update(body).digest('hex')
      const invented = source({ header: 'x-s', key_encoding }, String(secret))
      expect(await verify({ 'x-s': code }, invented), key_encoding).toEqual({ ok: true })
    }
  })
})
