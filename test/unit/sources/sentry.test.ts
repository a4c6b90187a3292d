import { createHmac } from 'node:crypto'
import { expect, it } from 'vitest'
import { sentry as sampler } from '../../../scripts/samples/sentry.ts'
import { sentry as provider } from '../../../src/sources/providers/sentry.ts'
import { describeScheme, requestOf } from './scheme.ts'

// There is no package of Sentry's that signs or verifies: as the documentation's example in JavaScript does it.
describeScheme('Sentry', {
  provider,
  sampler,
  sign(body, { type, id }, { signing_key }) {
    const hmac = createHmac('sha256', signing_key)
    hmac.update(new TextDecoder().decode(body), 'utf8')
    return {
      headers: {
        'request-id': id,
        'sentry-hook-resource': type.split('.')[0] ?? '',
        'sentry-hook-signature': hmac.digest('hex'),
      },
    }
  },
  signs: 'text',
  signature_headers: ['sentry-hook-signature'],
  is_timed: false,
  covers_body: true,
})

it('is of the resource alone when the body names no action', () => {
  const request = requestOf({ headers: { 'sentry-hook-resource': 'error' } }, Buffer.from('{}'))
  expect(provider.identify(request, {})).toEqual({ id: null, type: 'error' })
})
