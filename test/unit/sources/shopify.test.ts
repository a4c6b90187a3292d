import '@shopify/shopify-api/adapters/web-api'
import { ApiVersion, LogSeverity, shopifyApi } from '@shopify/shopify-api'
import { createSHA256HMAC } from '@shopify/shopify-api/runtime'
import { shopify as sampler } from '../../../scripts/samples/shopify.ts'
import { shopify as provider } from '../../../src/sources/providers/shopify.ts'
import { describeScheme } from './scheme.ts'

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
})
