import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLog, type Level } from '../../../src/lib/log.ts'
import { createRedactor, isSecretName } from '../../../src/lib/redact.ts'
import { secretsAmong } from '../../../src/lib/redact-text.ts'

const MASTER_KEY = 'q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80='
const OPERATOR_KEY = 'pst_live_0123456789ABCDEFGHJKMNPQRSTVWXYZ012345'
const AUDIT_SECRET = 'a-phrase-of-no-form/at+all'
const SECRETS = secretsAmong({
  ENVIRONMENT: 'production',
  MASTER_KEYS: `k1:${MASTER_KEY},k2:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=`,
  POSTERN_OPERATOR_KEY: OPERATOR_KEY,
  AUDIT_SECRET,
})

/** What a log with this deployment's secrets writes. */
function written(fields: Record<string, unknown>, level: Level = 'error', message = 'a.test'): string {
  const lines: string[] = []
  createLog({ level: 'debug', secrets: SECRETS, write: (_level, line) => lines.push(line) })(level, message, fields)
  expect(lines).toHaveLength(1)
  return lines[0] ?? ''
}

/** A text as a log shows it. */
const shown = (text: string): unknown => JSON.parse(written({ text })).text

describe('a text in the log', () => {
  it.each([
    ['an API key', `key ${OPERATOR_KEY} is revoked`, 'key [redacted] is revoked'],
    ['another API key', 'key pst_test_ZZZZ is revoked', 'key pst_test_[redacted] is revoked'],
    ['a key cut in half', 'pst_live_01', 'pst_live_[redacted]'],
    ['a key in capitals', 'PST_LIVE_ABC', 'PST_LIVE_[redacted]'],
    ['a signing secret', 'whsec_c2VjcmV0+/c2VjcmV0== is old', 'whsec_[redacted] is old'],
    ['an Ed25519 key', '"whsk_AAECAwQF-_"', '"whsk_[redacted]"'],
    ['a bearer token', 'sent Bearer abc.def-ghi, refused', 'sent Bearer [redacted], refused'],
    ['Basic credentials', 'with basic dXNlcjpwYXNz', 'with basic [redacted]'],
    ['a master key', `cannot import ${MASTER_KEY}`, 'cannot import [redacted]'],
    ['an unknown master key', 'bad AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= here', 'bad [redacted] here'],
    ['a secret that has no form', `it is ${AUDIT_SECRET}!`, 'it is [redacted]!'],
    ['the same in a URL', `x=${encodeURIComponent(AUDIT_SECRET)}`, 'x=[redacted]'],
    ['a JWT', 'got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_ there', 'got [redacted] there'],
    ['who logs in at a URL', 'POST https://me:pass@shop.test/hook', 'POST https://[redacted]@shop.test/hook'],
    ['a query', 'GET https://shop.test/hook?token=1&b=2 failed', 'GET https://shop.test/hook?[redacted] failed'],
    ['a fragment', '"https://shop.test/hook#access"', '"https://shop.test/hook#[redacted]"'],
    ['a token in a path', 'https://hooks.test/T01/XyZ0123456789abcdefghij', 'https://hooks.test/T01/[redacted]'],
    ['an otpauth URI', 'otpauth://totp/Acme?secret=JBSWY3DP', 'otpauth://totp/Acme?[redacted]'],
    ['a header', 'authorization: Digest username="me", response="abc"', 'authorization: [redacted]'],
    ['a cookie of parts', 'Cookie: sid=abc; csrf=def\nHost: a', 'Cookie: [redacted]\nHost: a'],
    ['JSON', '{"password":"a \\"b\\" c","n":1}', '{"password":[redacted],"n":1}'],
    ['JSON within JSON', '"{\\"client_secret\\":\\"a b\\",\\"n\\":1}"', '"{\\"client_secret\\":[redacted],\\"n\\":1}"'],
    ['a form', 'a=1&access_token=abc&b=2', 'a=1&access_token=[redacted]&b=2'],
    ['a provider’s key', 'sk_live_abc123 and ghp_abc123', 'sk_live_[redacted] and ghp_[redacted]'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----!', '[redacted] private key!'],
    [
      'the values of a statement',
      'Failed query: insert into t\nparams: a,b\n  at c',
      'Failed query: insert into t\nparams: [redacted]',
    ],
  ])('does not show %s', (_what, text, expected) => {
    expect(shown(text)).toBe(expected)
  })

  it.each([
    'msg_01M866C4W7ZNQ3778S95DCQRR8 for ep_01M866C4W7ZNQ3778S95DCQRR8 at 2026-11-24T07:12:25.991Z',
    'D1_ERROR: UNIQUE constraint failed: tenants.id: SQLITE_CONSTRAINT',
    'https://api.acme.test/v1/tenants/acme/endpoints/ep_01M866C4W7ZNQ3778S95DCQRR8',
    'whpk_AAECAwQF',
    'the key of the tenant is not among MASTER_KEYS',
    'at Endpoint.enqueue (durable-objects/endpoint/endpoint.ts:160:12)',
  ])('stays readable where it has no secret: %s', (text) => {
    expect(shown(text)).toBe(text)
  })

  it('has an end, and no secret shows because it was cut in half there', () => {
    for (const length of [2000, 2040, 2048, 4570, 4608]) {
      const text = shown(`${'x '.repeat(length / 2)}${AUDIT_SECRET} ${'y'.repeat(100_000)}`)
      expect(String(text).length).toBeLessThan(2100)
      expect(text).not.toContain(AUDIT_SECRET.slice(0, 12))
    }
  })

  it.each(['a', 'eyJ', 'https://', 'password', '"', '\\', ' ', 'AAAA/', 'basic ', 'a:', '-----BEGIN PRIVATE KEY-----'])(
    'takes bounded work when it is made to be slow: %s and so on',
    (unit) => {
      const started_at = performance.now()
      written(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, unit.repeat(1_000_000 / unit.length)])))
      expect(performance.now() - started_at).toBeLessThan(2000)
    },
  )
})

describe('a field', () => {
  it.each([
    'authorization',
    'Cookie',
    'set-cookie',
    'secret',
    'clientSecret',
    'client_secret',
    'key',
    'apiKey',
    'x-api-key',
    'MASTER_KEYS',
    'token',
    'access_token',
    'password',
    'password_text',
    'totp',
    'otpauth_uri',
    'webhook-signature',
    'x-hub-signature-256',
    'SENTRY_DSN',
  ])('called %s is not shown', (name) => {
    expect(isSecretName(name)).toBe(true)
    expect(JSON.parse(written({ at: { [name]: 'open sesame' } })).at[name]).toBe('[redacted]')
  })

  it.each(['body', 'payload', 'raw', 'response_body', 'base64'])(
    'called %s is customers’ data, and not shown',
    (name) => {
      expect(JSON.parse(written({ [name]: { amount: 42 } }))[name]).toBe('[redacted]')
      expect(JSON.parse(written({ [name]: 42 }))[name]).toBe(42)
    },
  )

  it.each(['key_id', 'tenant_id', 'keys_max', 'secret_count', 'monkey', 'tokenizer', 'keyboard', 'path', 'code'])(
    'called %s is shown',
    (name) => {
      expect(JSON.parse(written({ [name]: 'shown' }))[name]).toBe('shown')
    },
  )

  it('that is a number is a count, but a code that is one is not shown', () => {
    expect(JSON.parse(written({ api_keys: 3, totp: 123_456, otp: null, has_password: true }))).toMatchObject({
      api_keys: 3,
      totp: '[redacted]',
      otp: null,
      has_password: true,
    })
  })

  it('cannot pass for the level or the name of a line', () => {
    expect(JSON.parse(written({ level: 'info', message: 'all.well' }))).toEqual({ level: 'error', message: 'a.test' })
  })
})

describe('an error in the log', () => {
  const failed = new TypeError(`cannot use ${OPERATOR_KEY}`, { cause: new RangeError('because of Bearer abc') })

  it('has its name, message, stack and cause, none with a secret', () => {
    const { error } = JSON.parse(written({ error: failed }))
    expect(error).toMatchObject({ name: 'TypeError', message: 'cannot use [redacted]' })
    expect(error.stack).toMatch(/^at .*redact\.test\.ts/)
    expect(error.stack).not.toContain('pst_live_')
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'because of Bearer [redacted]' })
  })

  it('has no stack where nobody has to look for a mistake', () => {
    const { error } = JSON.parse(written({ error: failed }, 'warn'))
    expect(error).not.toHaveProperty('stack')
    expect(error.cause).toEqual({ name: 'RangeError', message: 'because of Bearer [redacted]' })
  })

  it('shows what the platform marks it with, and all that it is made of', () => {
    const marked = Object.assign(new Error('reset'), { retryable: true, token: 'abc' })
    const { error } = JSON.parse(written({ error: new AggregateError([marked], 'several') }))
    expect(error.errors).toMatchObject([{ message: 'reset', retryable: true, token: '[redacted]' }])
  })

  it('of drizzle does not show the values of its statement, also not in its stack', () => {
    const error = Object.assign(new Error('Failed query: insert\nparams: jane@acme.test,\n    at Jane (42)'), {
      name: 'DrizzleQueryError',
      query: 'insert',
      params: ['jane@acme.test'],
    })
    const line = written({ error })
    expect(line).not.toContain('jane')
    expect(line).not.toContain('Jane')
    expect(line).toContain('Failed query: insert')
  })

  it('may be its own cause', () => {
    const error = new Error('again')
    error.cause = error
    expect(JSON.parse(written({ error })).error.cause).toBe('[circular]')
  })
})

describe('a line', () => {
  it('is one line of JSON whatever is in it', () => {
    const circular: Record<string, unknown> = { name: 'loop' }
    circular.self = circular
    const line = written({
      circular,
      big: 10n,
      when: new Date(0),
      never: new Date(Number.NaN),
      url: new URL('https://me:pass@shop.test/?q=1'),
      bytes: new Uint8Array(3),
      map: new Map<unknown, unknown>([
        ['token', 'abc'],
        [{ deep: 1 }, 'x'],
      ]),
      set: new Set([1, 'Bearer abc']),
      headers: new Headers({ authorization: 'Bearer abc', accept: '*/*' }),
      nothing: undefined,
      number: Number.NaN,
      act: () => 'x',
      symbol: Symbol('x'),
      text: 'a\nb\u2028',
      __proto__: { hidden: 1 },
    })
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toEqual({
      level: 'error',
      message: 'a.test',
      circular: { name: 'loop', self: '[circular]' },
      big: '10',
      when: '1970-01-01T00:00:00.000Z',
      never: 'Invalid Date',
      url: 'https://[redacted]@shop.test/?[redacted]',
      bytes: '[3 bytes]',
      map: { token: '[redacted]', '{"deep":1}': 'x' },
      set: [1, 'Bearer [redacted]'],
      headers: { authorization: '[redacted]', accept: '*/*' },
      number: 'NaN',
      act: '[function]',
      symbol: '[symbol]',
      text: 'a\nb\u2028',
    })
  })

  it('is written also of what throws when it is looked at', () => {
    const throwing = {
      get secretly() {
        throw new Error('no')
      },
      fine: 1,
    }
    const proxy = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no')
        },
      },
    )
    const error = new Error('bad')
    Object.defineProperty(error, 'stack', {
      get: () => {
        throw new Error('no')
      },
    })
    expect(JSON.parse(written({ throwing, proxy, error, after: 1 }))).toMatchObject({
      throwing: { secretly: '[unreadable]', fine: 1 },
      proxy: '[unreadable]',
      error: '[unreadable]',
      after: 1,
    })
  })

  it.each([
    ['deep', () => Array.from({ length: 10_000 }).reduce<unknown>((inner) => ({ inner }), 1)],
    ['wide', () => Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`f${i}`, 'x'.repeat(1000)]))],
    ['long', () => Array.from({ length: 100_000 }, () => 'x'.repeat(1000))],
    ['bushy', () => bush(4)],
  ])('of something %s has an end', (_how, make) => {
    expect(written({ value: make() }).length).toBeLessThan(100_000)
  })

  it('below the level is not written, and its fields are not even looked at', () => {
    const lines: string[] = []
    const log = createLog({ level: 'warn', secrets: [], write: (_level, line) => lines.push(line) })
    const unread = new Proxy({}, { get: () => expect.unreachable(), ownKeys: () => expect.unreachable() })
    log('debug', 'a.test', unread)
    log('info', 'a.test', unread)
    log('warn', 'a.test')
    log('error', 'a.test')
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(['warn', 'error'])
  })
})

function bush(depth: number): unknown {
  return depth === 0 ? 'leaf' : Array.from({ length: 12 }, () => ({ branch: bush(depth - 1) }))
}

describe('nothing that is planted', () => {
  const alphabet = 'ABCDEFGHJKMNPQRSTVWXYZ0123456789'
  const random = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 16, maxLength: 40 })
  /** What has the form of a secret, and what of it must not be seen. */
  const secret = fc.oneof(
    fc.constant(MASTER_KEY).map((core) => ({ text: core, core })),
    fc.constant(AUDIT_SECRET).map((core) => ({ text: core, core })),
    fc
      .tuple(
        fc.constantFrom(
          (core: string) => `pst_live_${core}`,
          (core: string) => `pst_test_${core}`,
          (core: string) => `whsec_${core}==`,
          (core: string) => `whsk_${core}`,
          (core: string) => `Bearer ${core}`,
          (core: string) => `Basic ${core}`,
          (core: string) => `eyJhbGciOiJub25lIn0.${core}.${core}`,
          (core: string) => `https://me:${core}@shop.test/`,
          (core: string) => `https://shop.test/hook?t=${core}`,
          (core: string) => `{"password":"${core}"}`,
          (core: string) => `client_secret=${core}`,
          (core: string) => `Cookie: a=b; sid=${core}`,
        ),
        random,
      )
      .map(([form, core]) => ({ text: form(core), core })),
  )
  const around = fc.string({ unit: 'binary', maxLength: 60 })

  /** Somewhere in a value of any shape. */
  const planted = secret.chain(({ text, core }) =>
    fc
      .tuple(around, around, fc.array(fc.nat(9), { maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }))
      .map(([before, after, ways, beside]) => ({
        core,
        value: ways.reduce<unknown>((inner, way) => wrap(way, inner, beside), before + text + after),
      })),
  )

  function wrap(way: number, inner: unknown, beside: unknown): unknown {
    switch (way) {
      case 0:
        return { inner, beside }
      case 1:
        return [beside, inner]
      case 2:
        return new Map([['inner', inner]])
      case 3:
        return new Set([inner])
      case 4:
        return new Error(typeof inner === 'string' ? inner : 'failed', { cause: inner })
      case 5:
        return { [typeof inner === 'string' ? inner : 'name']: beside }
      case 6:
        return new AggregateError([inner, beside], 'several')
      case 7:
        return { secret: inner }
      case 8:
        return { body: inner }
      default:
        return Object.assign(new Error('failed'), { detail: inner })
    }
  }

  it('survives in any place of a line', () => {
    fc.assert(
      fc.property(planted, fc.constantFrom<Level>('warn', 'error'), ({ core, value }, level) => {
        expect(written({ value }, level)).not.toContain(core)
      }),
      { numRuns: 3000 },
    )
  })

  it('survives in what Sentry is sent, which is made by the same rules', () => {
    const redactor = createRedactor(SECRETS)
    fc.assert(
      fc.property(planted, ({ core, value }) => {
        expect(JSON.stringify(redactor.value(value, { with_stack: true }))).not.toContain(core)
        expect(redactor.text(String(value))).not.toContain(core)
      }),
      { numRuns: 1000 },
    )
  })
})
