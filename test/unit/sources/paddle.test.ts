import { createHmac } from 'node:crypto'
import { Paddle } from '@paddle/paddle-node-sdk'
import { describe, expect, it, vi } from 'vitest'
import { paddle as sampler } from '../../../scripts/samples/paddle.ts'
import { paddle as provider } from '../../../src/sources/providers/paddle.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

const { webhooks } = new Paddle('no API is called')

describeScheme('Paddle', {
  provider,
  sampler,
  // The SDK verifies and does not sign: by the words of "Verify webhook signatures", step by step.
  sign(body, { now }, { signing_key }) {
    const timestamp = Math.floor(now.getTime() / 1000)
    const payload = Buffer.concat([Buffer.from(`${timestamp}:`), body])
    const code = createHmac('sha256', signing_key).update(payload).digest('hex')
    return { headers: { 'paddle-signature': `ts=${timestamp};h1=${code}` } }
  },
  async believes({ headers, body }, { signing_key }, now) {
    vi.setSystemTime(now)
    try {
      const signature = headers.get('paddle-signature') ?? ''
      return await webhooks.isSignatureValid(new TextDecoder().decode(body), signing_key, signature)
    } finally {
      vi.useRealTimers()
    }
  },
  signs: 'bytes',
  signature_headers: ['paddle-signature'],
  is_timed: true,
  covers_body: true,
})

describe('Paddle', () => {
  const body = new TextEncoder().encode('{"event_id":"evt_1"}')

  async function signed() {
    const invented = await sampler.invent()
    const occasion = occasionOf('transaction.completed')
    const { headers } = await sampler.sign(body, occasion, invented)
    return { invented, header: headers['paddle-signature'] ?? '', other: `h1=${'0'.repeat(64)}` }
  }

  it('looks at each signature while a secret is rotated', async () => {
    const { invented, header, other } = await signed()
    const [ts = '', h1 = ''] = header.split(';')
    const verify = (value: string) =>
      provider.verify(requestOf({ headers: { 'paddle-signature': value } }, body), givenBy({ provider }, [invented]))
    expect(await verify([ts, other, h1].join(';'))).toEqual({ ok: true })
    expect(await verify([ts, h1, other].join(';'))).toEqual({ ok: true })
    expect(await verify([ts, other].join(';'))).toEqual({ ok: false, error: 'signature_mismatch' })
    expect(await verify([ts, ts, h1].join(';'))).toEqual({ ok: false, error: 'malformed_signature' })
    expect(await verify([ts, h1, 'h1=no'].join(';'))).toEqual({ ok: false, error: 'malformed_signature' })
  })
})
