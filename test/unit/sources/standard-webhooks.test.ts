import { createHmac, createPrivateKey, generateKeyPairSync, sign as signWith } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { describe, expect, it, vi } from 'vitest'
import type { Sampler } from '../../../scripts/samples/sampler.ts'
import { standard_webhooks as sampler } from '../../../scripts/samples/standard-webhooks.ts'
import { standard_webhooks as provider } from '../../../src/sources/providers/standard-webhooks.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

const SHARED = { provider, is_timed: true, covers_body: true } as const

function at<T>(now: Date, work: () => T): T {
  vi.setSystemTime(now)
  try {
    return work()
  } finally {
    vi.useRealTimers()
  }
}

const seconds = (now: Date) => String(Math.floor(now.getTime() / 1000))

describeScheme('Standard Webhooks', {
  ...SHARED,
  sampler,
  sign(body, { id, now }, { signing_key }) {
    const signature = new Webhook(signing_key).sign(id, now, Buffer.from(body))
    return { headers: { 'webhook-id': id, 'webhook-timestamp': seconds(now), 'webhook-signature': signature } }
  },
  believes: ({ body, headers }, { signing_key }, now) =>
    at(now, () => new Webhook(signing_key).verify(Buffer.from(body), Object.fromEntries(headers))),
  signs: 'text',
  signature_headers: ['webhook-id', 'webhook-signature', 'webhook-timestamp'],
})

/** As Svix sends: what `npm run send` signs, by other names. */
const svix_sampler: Sampler = {
  ...sampler,
  async sign(...of) {
    const { headers } = await sampler.sign(...of)
    return {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.replace('webhook-', 'svix-'), value]),
      ),
    }
  },
}

describeScheme('Svix', {
  ...SHARED,
  sampler: svix_sampler,
  sign(body, { id, now }, { signing_key }) {
    const signature = new SvixWebhook(signing_key).sign(id, now, Buffer.from(body))
    return { headers: { 'svix-id': id, 'svix-timestamp': seconds(now), 'svix-signature': signature } }
  },
  believes: ({ body, headers }, { signing_key }, now) =>
    at(now, () => new SvixWebhook(signing_key).verify(Buffer.from(body), Object.fromEntries(headers))),
  signs: 'text',
  signature_headers: ['svix-id', 'svix-signature', 'svix-timestamp'],
})

// Neither package knows v1a in JavaScript: node:crypto signs as the specification says it, and Svix's own vector is below.
const asymmetric_sampler: Sampler = {
  ...sampler,
  invent() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const public_bytes = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
    return {
      signing_key: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
      credentials: { secret: `whpk_${public_bytes.toString('base64')}` },
    }
  },
  sign(body, { id, now }, { signing_key }) {
    const signed = Buffer.concat([Buffer.from(`${id}.${seconds(now)}.`), body])
    const signature = signWith(null, signed, createPrivateKey(signing_key)).toString('base64')
    return {
      headers: { 'webhook-id': id, 'webhook-timestamp': seconds(now), 'webhook-signature': `v1a,${signature}` },
    }
  },
}

describeScheme('Standard Webhooks with a key pair', {
  ...SHARED,
  sampler: asymmetric_sampler,
  signs: 'bytes',
  signature_headers: ['webhook-id', 'webhook-signature', 'webhook-timestamp'],
})

const body = Buffer.from('{"test": 2432232314}')

function verifyAt(secret: string, headers: Record<string, string>, now: Date) {
  return provider.verify(
    requestOf({ headers }, body),
    givenBy({ provider }, [{ signing_key: '', credentials: { secret } }], now),
  )
}

describe('the vectors of Svix', () => {
  const now = new Date(1614265330 * 1000)
  const [id, timestamp] = ['msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330']
  const SIGNATURES = [
    // https://docs.svix.com/receiving/verifying-payloads/how-manual, and the tests of every library of Svix
    ['v1', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='],
    // svix-server, src/worker.rs, test_asymmetric_key_signing
    [
      'v1a',
      'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=',
      'hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
    ],
  ] as const

  it.each(SIGNATURES)(
    '%s is believed, alone and among others, and by no other name',
    async (version, secret, base64) => {
      const verify = (signature: string) =>
        verifyAt(secret, { 'svix-id': id, 'svix-timestamp': timestamp, 'svix-signature': signature }, now)
      expect(await verify(`${version},${base64}`)).toEqual({ ok: true })
      expect(await verify(`v1,${btoa('x'.repeat(32))} v2,?? ${version},${base64}`)).toEqual({ ok: true })
      expect(await verify(`v2,${base64}`)).toEqual({ ok: false, error: 'malformed_signature' })
      expect((await verify(`${version === 'v1' ? 'v1a' : 'v1'},${base64}`)).ok).toBe(false)
    },
  )
})

describe('Standard Webhooks', () => {
  const now = new Date('2026-11-24T12:00:00Z')

  async function signed(prefix: 'svix-' | 'webhook-') {
    const invented = await sampler.invent()
    const from = prefix === 'svix-' ? svix_sampler : sampler
    const { headers } = await from.sign(body, occasionOf('a'), invented)
    return { secret: invented.signing_key, headers }
  }

  it('looks at the headers of one kind, for the id too', async () => {
    const { secret, headers } = await signed('svix-')
    const mixed = { ...headers, 'webhook-id': 'other', 'webhook-timestamp': '1', 'webhook-signature': 'v1,AAAA' }
    expect(await verifyAt(secret, mixed, now)).toEqual({ ok: true })
    expect(provider.identify(requestOf({ headers: mixed }, body), {}).id).toBe(headers['svix-id'])
  })

  it('does not let a header that nobody signed stand for one that is signed', async () => {
    const { secret, headers } = await signed('webhook-')
    const verdict = await verifyAt(secret, { ...headers, 'svix-id': 'other', 'svix-signature': 'v1,AAAA' }, now)
    expect(verdict.ok).toBe(false)
  })

  it.each(['webhook-', 'svix-'] as const)(
    'knows one way only to cut what was signed apart: %sid has no dot',
    async (prefix) => {
      const { signing_key: secret } = await sampler.invent()
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
      // Signed years ago, with a text of a stranger's choice in it.
      const text = `msg_1.1600000000.{"text":"a.${now.getTime() / 1000}.[1]"}`
      const signature = `v1,${createHmac('sha256', key).update(text).digest('base64')}`
      const [id = '', rest = ''] = text.split(`.${now.getTime() / 1000}.`)
      const headers = {
        [`${prefix}id`]: id,
        [`${prefix}timestamp`]: String(now.getTime() / 1000),
        [`${prefix}signature`]: signature,
      }
      const verdict = await provider.verify(
        requestOf({ headers }, Buffer.from(rest)),
        givenBy({ provider }, [{ signing_key: '', credentials: { secret } }], now),
      )
      expect(verdict).toEqual({ ok: false, error: 'malformed_signature' })
    },
  )

  it('takes secrets as Supabase shows them', async () => {
    const { secret, headers } = await signed('webhook-')
    expect(await verifyAt(`v1,${secret}`, headers, now)).toEqual({ ok: true })
  })

  it('does not check more signatures than a sender has keys', async () => {
    const { secret, headers } = await signed('webhook-')
    const many = Array.from({ length: 10 }, () => `v1,${btoa('x'.repeat(32))}`).join(' ')
    const verdict = await verifyAt(
      secret,
      { ...headers, 'webhook-signature': `${many} ${headers['webhook-signature']}` },
      now,
    )
    expect(verdict).toEqual({ ok: false, error: 'malformed_signature' })
  })

  it('bears a public key that is no point of the curve', async () => {
    const { headers } = await asymmetric_sampler.sign(body, occasionOf('a'), await asymmetric_sampler.invent())
    const secret = `whpk_${Buffer.alloc(32, 0xff).toString('base64')}`
    expect(await verifyAt(secret, headers, now)).toEqual({ ok: false, error: 'signature_mismatch' })
  })

  it.each([
    '',
    'whsec_',
    'whsec_c2hvcnQ=',
    'whsec_*',
    'whpk_AAAA',
    `whsk_${btoa('x'.repeat(32))}`,
    btoa('x'.repeat(32)),
  ])('cannot be given %j', (secret) => {
    expect(provider.credentials.safeParse({ secret }).success).toBe(false)
  })
})
