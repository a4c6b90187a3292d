import '@shopify/shopify-api/adapters/web-api'
import { ApiVersion, LogSeverity, shopifyApi } from '@shopify/shopify-api'
import { createSHA256HMAC } from '@shopify/shopify-api/runtime'
import { describe, expect, it } from 'vitest'
import { shopify as sampler } from '../../../scripts/samples/shopify.ts'
import { shopify as provider } from '../../../src/sources/providers/shopify.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

describeScheme('Shopify', {
  provider,
  sampler,
  async sign(body, { type, id }, { signing_key }) {
    return {
      headers: {
        'x-shopify-hmac-sha256': await createSHA256HMAC(signing_key, new TextDecoder().decode(body)),
        'x-shopify-topic': type,
        'x-shopify-webhook-id': id,
      },
    }
  },
  async believes({ url, headers, body }, { signing_key }) {
    const { webhooks } = shopifyApi({
      apiKey: 'key',
      apiSecretKey: signing_key,
      apiVersion: ApiVersion.July26,
      hostName: 'postern.example',
      isEmbeddedApp: false,
      logger: { level: LogSeverity.Error },
    })
    const rawRequest = new Request(url, { method: 'POST', headers })
    const { valid } = await webhooks.validate({ rawBody: new TextDecoder().decode(body), rawRequest })
    return valid
  },
  signs: 'text',
  signature_headers: ['x-shopify-hmac-sha256'],
  is_timed: false,
  covers_body: true,
  takes_any_body: false,
})

describe('Shopify', () => {
  const verify = async (body: Uint8Array) => {
    const invented = await sampler.invent()
    const request = requestOf(await sampler.sign(body, occasionOf('orders/create'), invented), body)
    return provider.verify(request, givenBy({ provider }, [invented]))
  }

  it.each([
    [
      'what a merchant’s browser is sent to an app with',
      'code=0907a6&host=YWRtaW4&shop=a.myshopify.com&timestamp=1337178173',
    ],
    ['what it is sent with, and what somebody has added', '[=x&host=YWRtaW4&shop=a.myshopify.com&timestamp=1337178173'],
    ['a session token', 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2EubXlzaG9waWZ5LmNvbSJ9'],
    ['nothing', ''],
  ])('takes %s for no webhook, though the same secret has signed it', async (_what, body) => {
    expect(await verify(Buffer.from(body))).toEqual({ ok: false, error: 'wrong_recipient' })
  })

  it.each([
    ['is not UTF-8', Buffer.from('{"note":"\xff\xfe"}', 'latin1')],
    ['is beyond ASCII', Buffer.from('{"note":"Zoë 🦊"}')],
    ['breaks off', Buffer.from('{"id":820982911946154508,"line_items":[')],
    ['is as large as any', Buffer.alloc(25 * 1024 * 1024, '{')],
  ])('takes an object that %s, as it is signed', async (_what, body) => {
    expect(await verify(body)).toEqual({ ok: true })
  })
})
