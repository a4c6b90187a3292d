import { createSign } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { inventCertificate, issue } from '../../../scripts/samples/certificate.ts'
import { paypal as sampler } from '../../../scripts/samples/paypal.ts'
import type { Invented } from '../../../scripts/samples/sampler.ts'
import type { InboundRequest } from '../../../src/sources/provider.ts'
import { paypal as provider } from '../../../src/sources/providers/paypal.ts'
import { download } from './certificates.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'
import { BODY, CERTIFICATE, HEADERS, WEBHOOK_ID } from './vectors/paypal.ts'

const headersOf = async (invented: Invented) =>
  (await sampler.sign(new Uint8Array(), occasionOf('x'), invented)).headers

const downloadable = download(sampler, async (invented) => (await headersOf(invented))['paypal-cert-url'] ?? '')

describeScheme('PayPal', {
  provider,
  ...downloadable,
  // By the words of "Self verification method": PayPal has no package that does it.
  async sign(body, { id, now }, invented) {
    const time = `${now.toISOString().slice(0, 19)}Z`
    const content = `${id}|${time}|${invented.settings?.webhook_id}|${crc32(body)}`
    return {
      headers: {
        ...(await headersOf(invented)),
        'paypal-transmission-id': id,
        'paypal-transmission-time': time,
        'paypal-transmission-sig': createSign('SHA256').update(content).sign(invented.signing_key, 'base64'),
      },
    }
  },
  signs: 'bytes',
  signature_headers: [
    'paypal-transmission-id',
    'paypal-transmission-time',
    'paypal-transmission-sig',
    'paypal-cert-url',
    'paypal-auth-algo',
  ],
  is_timed: true,
  covers_body: true,
})

const SENT: InboundRequest = {
  method: 'POST',
  url: 'https://postern.example/in/x',
  headers: new Headers(HEADERS),
  body: new TextEncoder().encode(BODY),
}
const SENT_AT = new Date('2019-08-29T10:49:34Z')

const source = (settings: Record<string, unknown>): Invented => ({ signing_key: '', credentials: {}, settings })
const loading = (pem: string | null) => ({
  load: vi.fn(async () => (pem === null ? null : new TextEncoder().encode(pem))),
  visit: () => Promise.resolve(false),
})
const verify = (request: InboundRequest, invented: Invented, means = loading(null), now?: Date) =>
  provider.verify(request, givenBy({ provider, means }, [invented], now))

describe('what PayPal has really sent', () => {
  const own = source({ webhook_id: WEBHOOK_ID })

  it('is believed by the certificate that PayPal had then', async () => {
    const means = loading(CERTIFICATE)
    expect(await verify(SENT, own, means, SENT_AT)).toEqual({ ok: true })
    expect(means.load).toHaveBeenCalledExactlyOnceWith(HEADERS['paypal-cert-url'])
    expect(provider.identify(SENT, own.settings)).toEqual({
      id: 'afa30d40-ca4a-11e9-ab68-7d4e2605c70c',
      type: 'PAYMENTS.PAYMENT.CREATED',
    })
  })

  it('is not believed for another webhook, nor today, nor once the certificate has run out', async () => {
    const means = loading(CERTIFICATE)
    const mismatch = { ok: false, error: 'signature_mismatch' }
    expect(await verify(SENT, source({ webhook_id: 'WEBHOOK_ID' }), means, SENT_AT)).toEqual(mismatch)
    expect(await verify(SENT, own, means, new Date('2020-08-29T10:49:34Z'))).toEqual({
      ok: false,
      error: 'timestamp_too_old',
    })
    expect(await verify(SENT, own, means)).toEqual({ ok: false, error: 'untrusted_key' })
  })
})

it('takes another body with the checksum of a genuine one for the same event', async () => {
  const invented = await sampler.invent()
  const body = new TextEncoder().encode('{"id":"WH-1"}')
  const genuine = requestOf(await sampler.sign(body, occasionOf('PAYMENT.CAPTURE.COMPLETED'), invented), body)
  const given = givenBy({ provider }, [invented])
  const forged = {
    ...genuine,
    body: new Uint8Array(Buffer.concat([Buffer.from('{"id":"WH-2","x":"'), Buffer.from('ab5c7bb3', 'hex')])),
  }
  expect(await provider.verify(forged, given)).toEqual({ ok: true })
  expect(provider.identify(forged, given.settings).id).toBe(provider.identify(genuine, given.settings).id)
})

describe('the certificate of PayPal', async () => {
  const { private_key, certificate } = await inventCertificate('messageverificationcerts.paypal.com')
  const webhook_id = WEBHOOK_ID
  const invented = source({ webhook_id })
  const body = new TextEncoder().encode('{}')
  const signed = async (url?: string) => {
    const { headers } = await sampler.sign(body, occasionOf('x'), { ...invented, signing_key: private_key })
    return requestOf({ headers: url === undefined ? headers : { ...headers, 'paypal-cert-url': url } }, body)
  }

  it.each([
    'http://api.paypal.com/v1/notifications/certs/CERT-1',
    'https://api.paypal.com.attacker.example/v1/notifications/certs/CERT-1',
    'https://attacker.example/https://api.paypal.com/v1/notifications/certs/CERT-1',
    'https://api.paypal.com@attacker.example/v1/notifications/certs/CERT-1',
    'https://api.paypal.com:8443/v1/notifications/certs/CERT-1',
    'https://www.paypal.com/v1/notifications/certs/CERT-1',
    'https://api.paypal.com/v1/notifications/certs/../../CERT-1',
    'https://api.paypal.com/v1/notifications/certs/CERT-1?x=https://attacker.example',
    'https://api.paypal.com/v1/notifications/certs/CERT-1\u00a0',
  ])('is not downloaded from %s', async (url) => {
    const means = loading(certificate)
    expect(await verify(await signed(url), invented, means)).toEqual({ ok: false, error: 'untrusted_key' })
    expect(means.load).not.toHaveBeenCalled()
  })

  it.each([
    'https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-5a29e601',
    'https://api-m.sandbox.paypal.com/v1/notifications/certs/CERT-1',
  ])('is downloaded from %s', async (url) => {
    expect(await verify(await signed(url), invented, loading(certificate))).toEqual({ ok: true })
  })

  it('has to be of PayPal, in force, and a certificate', async () => {
    const untrusted = { ok: false, error: 'untrusted_key' }
    const others = [
      issue(private_key, 'messageverificationcerts.paypal.com.attacker.example'),
      issue(private_key, 'www.paypal.com'),
      issue(private_key, 'messageverificationcerts.paypal.com', ['200101000000Z', '261124115959Z']),
      issue(private_key, 'messageverificationcerts.paypal.com', ['261124120001Z', '491231235959Z']),
      '',
      '<html>',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    ]
    for (const pem of others) expect(await verify(await signed(), invented, loading(pem)), pem).toEqual(untrusted)
  })

  it('is asked for again when it cannot be had', async () => {
    expect(await verify(await signed(), invented)).toEqual({ ok: false, error: 'key_unavailable' })
  })

  it('may be pinned, and then nothing is downloaded', async () => {
    const pinned = issue(private_key, 'whatever it is called')
    const means = loading(null)
    expect(await verify(await signed(), source({ webhook_id, certificate: pinned }), means)).toEqual({ ok: true })
    const { certificate: other } = await inventCertificate('messageverificationcerts.paypal.com')
    expect(await verify(await signed(), source({ webhook_id, certificate: other }), means)).toEqual({
      ok: false,
      error: 'signature_mismatch',
    })
    expect(means.load).not.toHaveBeenCalled()
    expect(provider.settings.safeParse({ webhook_id, certificate: 'no PEM' }).success).toBe(false)
    expect(provider.settings.safeParse({ webhook_id, certificate: private_key }).success).toBe(false)
  })
})
