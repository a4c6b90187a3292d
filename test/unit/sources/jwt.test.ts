import { createHash, createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'
import { describe, expect, it, vi } from 'vitest'
import { inventCertificate } from '../../../scripts/samples/certificate.ts'
import { jwt as sampler } from '../../../scripts/samples/jwt.ts'
import type { Invented } from '../../../scripts/samples/sampler.ts'
import type { Means } from '../../../src/sources/provider.ts'
import { jwt as provider } from '../../../src/sources/providers/jwt.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

const NOW_S = Date.parse('2026-11-24T12:00:00Z') / 1000
const [ISSUER, AUDIENCE] = ['https://sender.example', 'postern']

/** What `npm run send` says, with a package of others (Auth0's). */
const readElsewhere = (authorization: string, key: string, algorithm: jsonwebtoken.Algorithm, now: Date) =>
  jsonwebtoken.verify(authorization.slice('Bearer '.length), key, {
    algorithms: [algorithm],
    issuer: ISSUER,
    audience: AUDIENCE,
    clockTimestamp: now.getTime() / 1000,
  })

describeScheme('JWT by a public key', {
  provider,
  sampler,
  // Without `exp`, so that it is the time of signing that counts.
  sign(_body, { now }, { signing_key }) {
    const claims = { iss: ISSUER, aud: AUDIENCE, iat: now.getTime() / 1000 }
    return { headers: { authorization: `Bearer ${jsonwebtoken.sign(claims, signing_key, { algorithm: 'ES256' })}` } }
  },
  believes: ({ headers }, { settings }, now) =>
    readElsewhere(headers.get('authorization') ?? '', String(settings?.public_key), 'ES256', now),
  signs: 'bytes',
  signature_headers: ['authorization'],
  is_timed: true,
  covers_body: false,
})

describeScheme('JWT by a shared secret, in a header of its own', {
  provider,
  sampler: {
    ...sampler,
    invent() {
      const secret = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x ?? ''
      const settings = { header: 'X-Jwt', event_type: { body: '/type' }, body_sha256_claim: 'payload_hash' }
      return { signing_key: secret, credentials: { secret }, settings }
    },
    sign(body, { now }, { signing_key }) {
      const payload_hash = createHash('sha256').update(body).digest('hex')
      const token = jsonwebtoken.sign({ iat: now.getTime() / 1000, payload_hash }, signing_key, { algorithm: 'HS512' })
      return { headers: { 'x-jwt': token } }
    },
  },
  signs: 'bytes',
  signature_headers: ['x-jwt'],
  is_timed: true,
  covers_body: true,
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other_rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const jwk = (key: KeyObject, more: Record<string, unknown> = {}) => ({ ...key.export({ format: 'jwk' }), ...more })

const source = (settings: Record<string, unknown>, credentials: Record<string, string> = {}): Invented => ({
  signing_key: '',
  credentials,
  settings,
})
const NO_MEANS: Means = { load: () => Promise.resolve(null), visit: () => Promise.resolve(false) }
const verify = async (token: string, invented: Invented | Invented[], means: Means = NO_MEANS, body = '{}') =>
  provider.verify(
    requestOf({ headers: { authorization: `Bearer ${token}` } }, new TextEncoder().encode(body)),
    givenBy({ provider, means }, [invented].flat()),
  )
const refused = (error: string) => ({ ok: false, error })
const signRsa = (claims: object, options: jsonwebtoken.SignOptions = {}, key = rsa.privateKey) =>
  jsonwebtoken.sign({ iat: NOW_S, ...claims }, key, { algorithm: 'RS256', ...options })
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('the claims of a token', () => {
  const by_key = source({ public_key: spki(rsa.publicKey) })

  it('say until when it is good, or when it was signed', async () => {
    expect(await verify(signRsa({ exp: NOW_S + 3600, iat: NOW_S - 3000 }), by_key)).toEqual({ ok: true })
    expect(await verify(signRsa({ exp: NOW_S - 30 }), by_key)).toEqual({ ok: true })
    expect(await verify(signRsa({ exp: NOW_S - 61 }), by_key)).toEqual(refused('timestamp_too_old'))
    expect(await verify(signRsa({ exp: NOW_S + 3600, iat: NOW_S + 301 }), by_key)).toEqual(
      refused('timestamp_in_future'),
    )
    expect(await verify(signRsa({ nbf: NOW_S + 61 }), by_key)).toEqual(refused('timestamp_in_future'))
    const untimed = (claims: object) =>
      verify(jsonwebtoken.sign(claims, rsa.privateKey, { algorithm: 'RS256', noTimestamp: true }), by_key)
    expect(await untimed({ exp: NOW_S + 3600 })).toEqual({ ok: true })
    expect(await untimed({})).toEqual(refused('malformed_timestamp'))
  })

  it.each(['"soon"', 'null', '{}'])('are not understood with %s for a time', async (time) => {
    for (const name of ['iat', 'exp', 'nbf']) {
      const token = jsonwebtoken.sign(`{"iat": ${NOW_S}, "${name}": ${time}}`, rsa.privateKey, { algorithm: 'RS256' })
      expect(await verify(token, by_key), name).toEqual(refused('malformed_timestamp'))
    }
  })

  it('say who made it, for whom, and what else the source asks', async () => {
    const settings = { issuer: ISSUER, audience: AUDIENCE, claims: { email: 'push@sender.example', verified: true } }
    const asking = source({ public_key: spki(rsa.publicKey), ...settings })
    const right = { iss: ISSUER, aud: ['other', AUDIENCE], email: 'push@sender.example', verified: true }
    expect(await verify(signRsa(right), asking)).toEqual({ ok: true })
    for (const wrong of [
      { iss: 'https://other.example' },
      { aud: 'other' },
      { aud: undefined },
      { iss: undefined },
      { email: 'push@other.example' },
      { email: undefined },
      { verified: 'true' },
    ])
      expect(await verify(signRsa({ ...right, ...wrong }), asking), JSON.stringify(wrong)).toEqual(
        refused('wrong_recipient'),
      )
  })

  it('may cover the body', async () => {
    const covering = source({ public_key: spki(rsa.publicKey), body_sha256_claim: 'request_body_sha256' })
    const request_body_sha256 = createHash('sha256').update('{"id":1}').digest('hex')
    expect(await verify(signRsa({ request_body_sha256 }), covering, NO_MEANS, '{"id":1}')).toEqual({ ok: true })
    expect(await verify(signRsa({ request_body_sha256 }), covering, NO_MEANS, '{"id":2}')).toEqual(
      refused('signature_mismatch'),
    )
    expect(await verify(signRsa({}), covering, NO_MEANS, '{"id":1}')).toEqual(refused('signature_mismatch'))
  })

  it('say when an event without an id was sent', () => {
    const identify = (authorization: string) =>
      provider.identify(requestOf({ headers: { authorization } }, new Uint8Array(0)), provider.settings.parse({}))
    expect(identify(`Bearer ${signRsa({})}`)).toEqual({ id: null, type: null, sent_at: String(NOW_S) })
    expect(identify('Bearer x')).toEqual({ id: null, type: null, sent_at: null })
  })
})

describe('what a token may be signed with', () => {
  it('is never nothing', async () => {
    const unsigned = `${encode({ alg: 'none' })}.${encode({ iat: NOW_S })}.`
    const secret = 's'.repeat(32)
    for (const settings of [
      {},
      { public_key: spki(rsa.publicKey) },
      { public_key: spki(rsa.publicKey), algorithms: ['RS256'] },
    ])
      expect((await verify(unsigned, source(settings, { secret }))).ok).toBe(false)
    expect(provider.settings.safeParse({ algorithms: ['none'] }).success).toBe(false)
  })

  it('is not a public key, taken for a secret (RFC 8725, section 2.1)', async () => {
    const content = `${encode({ alg: 'HS256' })}.${encode({ iat: NOW_S })}`
    const forged = `${content}.${createHmac('sha256', spki(rsa.publicKey)).update(content).digest('base64url')}`
    expect(await verify(forged, source({ public_key: spki(rsa.publicKey) }))).toEqual(refused('untrusted_key'))
    expect(provider.settings.safeParse({ public_key: spki(rsa.publicKey), algorithms: ['HS256'] }).success).toBe(false)
    expect(provider.settings.safeParse({ algorithms: ['RS256'] }).success).toBe(false)
  })

  it('is of the kind that its algorithm says', async () => {
    expect(await verify(signRsa({}), source({ public_key: spki(ec.publicKey) }))).toEqual(refused('untrusted_key'))
    const only = source({ public_key: spki(rsa.publicKey), algorithms: ['PS256'] })
    expect(await verify(signRsa({}), only)).toEqual(refused('untrusted_key'))
    expect(await verify(signRsa({}, { algorithm: 'PS256' }), only)).toEqual({ ok: true })
  })

  it('may be a certificate, but not a private key', async () => {
    const { private_key, certificate } = await inventCertificate('sender.example')
    const token = jsonwebtoken.sign({ iat: NOW_S }, private_key, { algorithm: 'RS256' })
    expect(await verify(token, source({ public_key: certificate }))).toEqual({ ok: true })
    expect(provider.settings.safeParse({ public_key: private_key }).success).toBe(false)
    expect(provider.settings.safeParse({ public_key: 'no PEM' }).success).toBe(false)
  })

  it('is any secret of the source', async () => {
    const [old, current] = ['o'.repeat(32), 'c'.repeat(32)]
    const both = [source({}, { secret: current }), source({}, { secret: old })]
    for (const secret of [old, current])
      expect(await verify(jsonwebtoken.sign({ iat: NOW_S }, secret), both)).toEqual({ ok: true })
    expect(await verify(jsonwebtoken.sign({ iat: NOW_S }, 'x'.repeat(32)), both)).toEqual(refused('signature_mismatch'))
    expect(await verify(jsonwebtoken.sign({ iat: NOW_S - 400 }, old), both)).toEqual(refused('timestamp_too_old'))
    expect(await verify(jsonwebtoken.sign({ iat: NOW_S }, old), source({}))).toEqual(refused('no_credentials'))
    expect(provider.credentials.safeParse({ secret: 'too short' }).success).toBe(false)
  })

  it.each([
    '',
    'x',
    '..',
    'a.b',
    'a.b.c',
    `${'a.'.repeat(50_000)}`,
    '{}.{}.{}',
    `${encode({ alg: 'RS256', crit: ['b64'], b64: false })}.e30.AA`,
  ])('signs nothing that is no token (%#)', async (token) => {
    const verdict = await verify(token, source({ public_key: spki(rsa.publicKey) }))
    expect(verdict.ok).toBe(false)
  })
})

describe('a set of keys', () => {
  const jwks_url = 'https://sender.example.com/.well-known/jwks.json'
  const by_set = source({ jwks_url, audience: AUDIENCE })
  const claims = { aud: AUDIENCE }
  const answering = (...sets: unknown[]) => {
    const load = vi.fn<Means['load']>(async () => {
      const set = sets.length > 1 ? sets.shift() : sets[0]
      return set === null ? null : new TextEncoder().encode(typeof set === 'string' ? set : JSON.stringify(set))
    })
    return { ...NO_MEANS, load }
  }

  it('is loaded, and the token says which of the keys it is', async () => {
    const means = answering({ keys: [jwk(other_rsa.publicKey, { kid: 'a' }), jwk(rsa.publicKey, { kid: 'b' })] })
    expect(await verify(signRsa(claims, { keyid: 'b' }), by_set, means)).toEqual({ ok: true })
    expect(means.load.mock.calls).toEqual([[jwks_url]])
    expect(await verify(signRsa(claims, { keyid: 'a' }), by_set, means)).toEqual(refused('signature_mismatch'))
  })

  it('is tried key by key where the token does not say', async () => {
    const means = answering({ keys: [jwk(other_rsa.publicKey), jwk(ec.publicKey), jwk(rsa.publicKey)] })
    expect(await verify(signRsa(claims), by_set, means)).toEqual({ ok: true })
    expect(await verify(signRsa({ aud: 'other' }), by_set, means)).toEqual(refused('wrong_recipient'))
  })

  it('is loaded once more when a key is missed', async () => {
    const [before, after] = [
      { keys: [jwk(other_rsa.publicKey, { kid: 'a' })] },
      { keys: [jwk(rsa.publicKey, { kid: 'b' })] },
    ]
    const means = answering(before, after)
    expect(await verify(signRsa(claims, { keyid: 'b' }), by_set, means)).toEqual({ ok: true })
    expect(means.load.mock.calls).toEqual([[jwks_url], [jwks_url, 60_000]])
    const missing = answering(before)
    expect(await verify(signRsa(claims, { keyid: 'b' }), by_set, missing)).toEqual(refused('untrusted_key'))
    expect(missing.load).toHaveBeenCalledTimes(2)
  })

  it.each([null, '', '<html>', '[]', '{}', '{"keys": 1}', '{"keys": [1]}'])('cannot be had as %o', async (set) => {
    expect(await verify(signRsa(claims), by_set, answering(set))).toEqual(refused('key_unavailable'))
  })

  it('is of public keys only', async () => {
    const oct = { kty: 'oct', k: Buffer.from('s'.repeat(32)).toString('base64url') }
    const forged = jsonwebtoken.sign({ iat: NOW_S, ...claims }, 's'.repeat(32))
    expect(await verify(forged, by_set, answering({ keys: [oct] }))).toEqual(refused('untrusted_key'))
  })

  it.each([
    'http://sender.example.com/jwks',
    'https://localhost/jwks',
    'https://127.0.0.1/jwks',
    'https://169.254.169.254/latest/meta-data',
    'https://user@sender.example.com/jwks',
    'https://sender.internal/jwks',
    'file:///etc/passwd',
    'jwks',
  ])('is not at %s', (jwks_url) => {
    expect(provider.settings.safeParse({ jwks_url, audience: AUDIENCE }).success).toBe(false)
  })

  it('is not enough: many get tokens from one issuer', () => {
    expect(provider.settings.safeParse({ jwks_url }).success).toBe(false)
    for (const more of [{ audience: AUDIENCE }, { issuer: ISSUER }, { claims: { email: 'a@b.example' } }])
      expect(provider.settings.safeParse({ jwks_url, ...more }).success).toBe(true)
    const both = { jwks_url, public_key: spki(rsa.publicKey), audience: AUDIENCE }
    expect(provider.settings.safeParse(both).success).toBe(false)
    expect(provider.settings.safeParse({ header: 'x-jwt', event_id: { header: 'x-jwt' } }).success).toBe(false)
  })
})
