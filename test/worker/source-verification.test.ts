/**
 * What sources verify with is not the same everywhere: certificates and CRC-32 of `node:`, jose, and a WebCrypto that throws
 * where that of Node says no. It has to work on workerd.
 */
import { createSign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { inventCertificate } from '../../scripts/samples/certificate.ts'
import type { Invented } from '../../scripts/samples/sampler.ts'
import { SAMPLERS } from '../../scripts/samples.ts'
import { PROVIDER_NAMES, PROVIDERS, type ProviderName } from '../../src/sources/providers.ts'
import { givenBy, occasionOf, requestOf } from '../unit/sources/scheme.ts'
import * as SNS from '../unit/sources/vectors/aws-sns.ts'
import * as PAYPAL from '../unit/sources/vectors/paypal.ts'

async function signed(name: ProviderName, invented: Invented) {
  const { events, sign } = SAMPLERS[name]
  const [type = ''] = Object.keys(events)
  const occasion = occasionOf(type)
  const body = new TextEncoder().encode(events[type]?.(occasion))
  return requestOf(await sign(body, occasion, invented), body)
}

describe.each(PROVIDER_NAMES)('on workerd, %s', (name) => {
  const provider = PROVIDERS[name]

  it('believes what is signed for it, and nothing else', async () => {
    const invented = await SAMPLERS[name].invent()
    const request = await signed(name, invented)
    expect(await provider.verify(request, givenBy({ provider }, [invented]))).toEqual({ ok: true })
    const foreign = await signed(name, await SAMPLERS[name].invent())
    expect((await provider.verify(foreign, givenBy({ provider }, [invented]))).ok).toBe(name === 'none')
  })

  it('bears headers that are too short or too long', async () => {
    const invented = await SAMPLERS[name].invent()
    const request = await signed(name, invented)
    for (const [header, value] of request.headers) {
      for (const wrong of [value.slice(0, -2), value.slice(0, -4), value + value, `${value}aa`, '00', 'AAAA']) {
        const headers = new Headers(request.headers)
        headers.set(header, wrong)
        const verdict = await provider.verify({ ...request, headers }, givenBy({ provider }, [invented]))
        expect(verdict.ok, `${header}: ${wrong}`).toBeTypeOf('boolean')
      }
    }
  })
})

describe('a certificate on workerd', () => {
  it('is read as PayPal and Amazon have them', async () => {
    const loading = (pem: string) => ({
      load: async () => new TextEncoder().encode(pem),
      visit: () => Promise.resolve(false),
    })
    const { paypal, aws_sns } = PROVIDERS
    const webhook = { signing_key: '', credentials: {}, settings: { webhook_id: PAYPAL.WEBHOOK_ID } }
    const means = loading(PAYPAL.CERTIFICATE)
    const sent = requestOf({ headers: PAYPAL.HEADERS }, new TextEncoder().encode(PAYPAL.BODY))
    const sent_at = new Date(PAYPAL.HEADERS['paypal-transmission-time'])
    const given = givenBy({ provider: paypal, means }, [webhook], sent_at)
    expect(await paypal.verify(sent, given)).toEqual({ ok: true })
    for (const length of [1, 255, 256, 257, 4000]) {
      const signature = btoa('x'.repeat(length))
      const forged = requestOf({ headers: { ...PAYPAL.HEADERS, 'paypal-transmission-sig': signature } }, sent.body)
      expect(await paypal.verify(forged, given), signature).toEqual({ ok: false, error: 'signature_mismatch' })
    }

    const topic = { signing_key: '', credentials: {}, settings: { topic_arns: [SNS.TOPIC] } }
    for (const body of Object.values(SNS.BODIES)) {
      const published_at = new Date(JSON.parse(body).Timestamp)
      const given = givenBy({ provider: aws_sns, means: loading(SNS.CERTIFICATE) }, [topic], published_at)
      const request = requestOf({ headers: {} }, new TextEncoder().encode(body))
      expect(await aws_sns.verify(request, given)).toEqual({ ok: true })
    }
  })

  it('is downloaded, and has to be in force and of the provider', async () => {
    const provider = PROVIDERS.paypal
    const { private_key, certificate } = await inventCertificate('messageverificationcerts.paypal.com')
    const { certificate: other } = await inventCertificate('www.paypal.com')
    const settings = { webhook_id: '0FV983392A0531201' }
    const invented = { signing_key: private_key, credentials: {}, settings }
    const request = await signed('paypal', invented)
    const verify = (pem: string, now?: Date) => {
      const means = { load: async () => new TextEncoder().encode(pem), visit: () => Promise.resolve(false) }
      return provider.verify(request, givenBy({ provider, means }, [invented], now))
    }
    expect(await verify(certificate)).toEqual({ ok: true })
    for (const pem of [other, 'no certificate', ''])
      expect(await verify(pem), pem).toEqual({ ok: false, error: 'untrusted_key' })
    expect(await verify(certificate, new Date('2050-01-01'))).toEqual({ ok: false, error: 'untrusted_key' })
  })

  it('may be the key of a token', async () => {
    const { private_key, certificate } = await inventCertificate('sender.example')
    const provider = PROVIDERS.jwt
    const settings = { public_key: certificate, issuer: 'https://sender.example' }
    expect(provider.settings.safeParse(settings).success).toBe(true)
    expect(provider.settings.safeParse({ ...settings, public_key: private_key }).success).toBe(false)
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { iss: 'https://sender.example', iat: Date.parse('2026-11-24T12:00:00Z') / 1000 }
    const content = `${encode({ alg: 'RS256' })}.${encode(claims)}`
    const token = `${content}.${createSign('RSA-SHA256').update(content).sign(private_key, 'base64url')}`
    const request = requestOf({ headers: { authorization: `Bearer ${token}` } }, new Uint8Array(0))
    const given = givenBy({ provider }, [{ signing_key: '', credentials: {}, settings }])
    expect(await provider.verify(request, given)).toEqual({ ok: true })
  })
})
