import { createHmac } from 'node:crypto'
import { WebhooksHelper } from 'square'
import { describe, expect, it } from 'vitest'
import { square as sampler } from '../../../scripts/samples/square.ts'
import { square as provider } from '../../../src/sources/providers/square.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

const HEADER = 'x-square-hmacsha256-signature'

describeScheme('Square', {
  provider,
  sampler,
  // The SDK verifies and does not sign: by the words of "Validate that the notification is from Square".
  sign(body, { url }, { signing_key }) {
    const signed = Buffer.concat([Buffer.from(url), body])
    return { headers: { [HEADER]: createHmac('sha256', signing_key).update(signed).digest('base64') } }
  },
  believes: ({ url, headers, body }, { signing_key: signatureKey }) =>
    WebhooksHelper.verifySignature({
      requestBody: new TextDecoder().decode(body),
      signatureHeader: headers.get(HEADER) ?? '',
      signatureKey,
      notificationUrl: url,
    }),
  signs: 'bytes',
  signature_headers: [HEADER],
  is_timed: false,
  covers_body: true,
})

describe('Square', () => {
  it('believes the example that its SDKs are tested with', async () => {
    const url = 'https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9'
    const secret = 'Ibxx_5AKakO-3qeNVR61Dw'
    const body =
      '{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f",' +
      '"created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}'
    const headers = { [HEADER]: 'GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=' }
    const request = requestOf({ headers }, new TextEncoder().encode(body), url)
    const given = givenBy({ provider }, [{ signing_key: secret, credentials: { secret } }])
    expect(await provider.verify(request, given)).toEqual({ ok: true })
    expect(provider.identify(request, {})).toEqual({
      id: 'ac3ac95b-f97d-458c-a6e6-18981597e05f',
      type: 'webhooks.test_notification',
    })
  })

  it('refuses what was meant for another URL', async () => {
    const invented = await sampler.invent()
    const occasion = occasionOf('payment.created')
    const body = new TextEncoder().encode('{}')
    const request = requestOf(await sampler.sign(body, occasion, invented), body, `${occasion.url}?`)
    expect(await provider.verify(request, givenBy({ provider }, [invented]))).toEqual({
      ok: false,
      error: 'signature_mismatch',
    })
  })
})
