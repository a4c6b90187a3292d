import { describe, expect, it } from 'vitest'
import { api_key as apiKeySampler } from '../../../scripts/samples/api-key.ts'
import { basic as basicSampler } from '../../../scripts/samples/basic.ts'
import { bearer as bearerSampler } from '../../../scripts/samples/bearer.ts'
import type { Invented } from '../../../scripts/samples/sampler.ts'
import type { Provider } from '../../../src/sources/provider.ts'
import { api_key } from '../../../src/sources/providers/api-key.ts'
import { basic } from '../../../src/sources/providers/basic.ts'
import { bearer } from '../../../src/sources/providers/bearer.ts'
import { none } from '../../../src/sources/providers/none.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

const unsigned = { signs: 'bytes', is_timed: false, covers_body: false } as const

// `btoa` and plain headers are all that RFC 7617 and RFC 6750 ask of who sends.
describeScheme('Basic authentication', {
  ...unsigned,
  provider: basic,
  sampler: basicSampler,
  sign: (_body, _occasion, { signing_key }) => ({ headers: { authorization: `Basic ${btoa(signing_key)}` } }),
  signature_headers: ['authorization'],
})

describeScheme('bearer tokens', {
  ...unsigned,
  provider: bearer,
  sampler: bearerSampler,
  sign: (_body, _occasion, { signing_key }) => ({ headers: { Authorization: `Bearer ${signing_key}` } }),
  signature_headers: ['authorization'],
})

describeScheme('API keys', {
  ...unsigned,
  provider: api_key,
  sampler: apiKeySampler,
  sign: (_body, _occasion, { signing_key }) => ({ headers: { 'X-Api-Key': signing_key } }),
  signature_headers: ['x-api-key'],
})

const body = new TextEncoder().encode('{}')
const ask = async (provider: Provider, credentials: Invented['credentials'], headers: Record<string, string>) =>
  provider.verify(requestOf({ headers }, body), givenBy({ provider }, [{ signing_key: '', credentials }]))

const wrong = { ok: false, error: 'wrong_credentials' }
const malformed = { ok: false, error: 'malformed_signature' }

describe('user name and password', () => {
  const credentials = { username: 'Aladdin', password: 'open sesame' }

  it('are those that the specification shows (RFC 7617, section 2)', async () => {
    const authorization = 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    expect(await ask(basic, credentials, { authorization })).toEqual({ ok: true })
    expect(await ask(basic, credentials, { authorization: authorization.replace('Basic', 'bASIC') })).toEqual({
      ok: true,
    })
  })

  it('may be more than ASCII (RFC 7617, section 2.1)', async () => {
    const authorization = `Basic ${Buffer.from('tëst:123£€🦊45').toString('base64')}`
    expect(await ask(basic, { username: 'tëst', password: '123£€🦊45' }, { authorization })).toEqual({ ok: true })
  })

  it('are wrong when one of them is, or the colon is elsewhere', async () => {
    const of = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
    for (const text of [
      'Aladdin:open sesam',
      'aladdin:open sesame',
      ':open sesame',
      'Aladdin:',
      'Aladdin',
      'A:laddinopen sesame',
    ])
      expect(await ask(basic, credentials, of(text)), text).toEqual(wrong)
    expect(await ask(basic, credentials, { authorization: 'Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==' })).toEqual(malformed)
    expect(basic.credentials.safeParse({ username: 'Alad:din', password: 'open sesame' }).success).toBe(false)
  })
})

describe('a token', () => {
  const token = 'mF_9.B5f-4.1JqM-and-more'

  it('stands alone behind the name of its scheme', async () => {
    expect(await ask(bearer, { token }, { authorization: `bearer ${token}` })).toEqual({ ok: true })
    for (const authorization of [token, `Token ${token}`, `Bearer ${token} ${token}`, `Bearer  ${token}`, 'Bearer'])
      expect(await ask(bearer, { token }, { authorization }), authorization).toEqual(malformed)
    expect(await ask(bearer, { token }, { authorization: `Bearer ${token}x` })).toEqual(wrong)
  })

  it('is long enough not to be guessed, and fits into a header', () => {
    for (const token of [
      'short',
      'with a space in it is no token',
      'zeilenumbruch\nund-noch-mehr',
      'Ünicode-is-no-header-value',
    ])
      expect(bearer.credentials.safeParse({ token }).success, token).toBe(false)
  })

  it('is made when nobody has one', async () => {
    const random = (length: number) => new Uint8Array(length).fill(0x5c)
    const { key } = api_key.credentials.parse(api_key.invent?.(random))
    expect(await ask(api_key, { key: String(key) }, { 'x-api-key': String(key) })).toEqual({ ok: true })
    const { username, password } = basic.credentials.parse(basic.invent?.(random))
    const authorization = `Basic ${btoa(`${username}:${password}`)}`
    expect(await ask(basic, { username: String(username), password: String(password) }, { authorization })).toEqual({
      ok: true,
    })
    expect(bearer.credentials.safeParse(bearer.invent?.(random)).success).toBe(true)
  })
})

describe('what proves who sends', () => {
  it('is never forwarded', () => {
    for (const provider of [basic, bearer, api_key, none]) {
      expect(provider.forwards).toEqual([])
      const settings = provider.settings.parse({ event_id: { header: 'X-Id' }, event_type: { body: '/type' } })
      expect(provider.alsoForwards?.(settings)).toEqual(['x-id'])
      for (const header of ['Authorization', 'cookie', 'Proxy-Authorization'])
        expect(provider.settings.safeParse({ event_id: { header } }).success).toBe(false)
    }
    expect(api_key.settings.safeParse({ header: 'X-Key', event_id: { header: 'x-key' } }).success).toBe(false)
  })
})

describe('a source that verifies nothing', () => {
  it('believes everything, and reads what it is told to read', async () => {
    const settings = { event_id: { header: 'X-Id' }, event_type: { fixed: 'form.sent' } }
    const given = givenBy({ provider: none }, [{ signing_key: '', credentials: {}, settings }])
    const request = requestOf({ headers: { 'x-id': '7' } }, new Uint8Array(0))
    expect(await none.verify(request, given)).toEqual({ ok: true })
    expect(none.identify(request, given.settings)).toEqual({ id: '7', type: 'form.sent' })
  })
})
