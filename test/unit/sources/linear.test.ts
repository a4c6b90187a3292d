import { LinearWebhookClient } from '@linear/sdk/webhooks'
import { expect, it, vi } from 'vitest'
import { linear as sampler } from '../../../scripts/samples/linear.ts'
import { linear as provider } from '../../../src/sources/providers/linear.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

// The package only verifies.
describeScheme('Linear', {
  provider,
  sampler,
  believes({ body, headers }, { signing_key }, now) {
    vi.setSystemTime(now)
    try {
      return new LinearWebhookClient(signing_key).verify(Buffer.from(body), headers.get('linear-signature') ?? '')
    } finally {
      vi.useRealTimers()
    }
  },
  signs: 'bytes',
  signature_headers: ['linear-signature'],
  is_timed: true,
  covers_body: true,
  // It says in the body when it was sent.
  takes_any_body: false,
})

it.each(['{"type":"Issue"}', '{"webhookTimestamp":"soon"}', '{"webhookTimestamp":null}', '', '\xff', '[1'])(
  'refuses %j of Linear, signed as it is: nothing says when that was',
  async (text) => {
    const invented = await sampler.invent()
    const body = Buffer.from(text, 'latin1')
    const request = requestOf(await sampler.sign(body, occasionOf('Issue.create'), invented), body)
    const verdict = await provider.verify(request, givenBy({ provider }, [invented]))
    expect(verdict).toEqual({ ok: false, error: 'malformed_timestamp' })
  },
)
