import { createHmac } from 'node:crypto'
import { AwsLambdaReceiver } from '@zoom/rivet/users'
import { describe, expect, it, vi } from 'vitest'
import { zoom as sampler } from '../../../scripts/samples/zoom.ts'
import type { InboundRequest } from '../../../src/sources/provider.ts'
import { zoom as provider } from '../../../src/sources/providers/zoom.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

type LambdaHandler = (event: unknown, context: unknown) => Promise<{ statusCode: number; body: string }>

/** Zoom's own package shows what it makes of a request only through a receiver; this one needs no socket. */
async function askRivet({ headers, body }: InboundRequest, webhooksSecretToken: string) {
  const debug = vi.spyOn(console, 'debug').mockReturnValue()
  try {
    const handle: LambdaHandler = new AwsLambdaReceiver({ webhooksSecretToken }).start()
    const event = { headers: Object.fromEntries(headers), body: new TextDecoder().decode(body) }
    return await handle(event, {})
  } finally {
    debug.mockRestore()
  }
}

describeScheme('Zoom', {
  provider,
  sampler,
  // Rivet verifies and does not sign: by the words of "Verify with Zoom's header".
  sign(body, { now }, { signing_key }) {
    const timestamp = Math.floor(now.getTime() / 1000)
    const message = Buffer.concat([Buffer.from(`v0:${timestamp}:`), body])
    const signature = `v0=${createHmac('sha256', signing_key).update(message).digest('hex')}`
    return { headers: { 'x-zm-request-timestamp': String(timestamp), 'x-zm-signature': signature } }
  },
  async believes(request, { signing_key }) {
    return (await askRivet(request, signing_key)).statusCode === 200
  },
  signs: 'bytes',
  signature_headers: ['x-zm-signature', 'x-zm-request-timestamp'],
  is_timed: true,
  covers_body: true,
})

describe('Zoom', () => {
  const question =
    '{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}'

  it('proves that it knows the secret as Zoom’s own package does, by the one that Zoom has signed with', async () => {
    const [old, current] = [await sampler.invent(), await sampler.invent()]
    const body = new TextEncoder().encode(question)
    for (const known of [old, current]) {
      const request = requestOf(await sampler.sign(body, occasionOf('endpoint.url_validation'), known), body)
      const given = givenBy({ provider }, [current, old])
      expect(await provider.verify(request, given)).toEqual({ ok: true })
      const answer = await provider.reply?.(request, given)
      const expected = await askRivet(request, known.signing_key)
      expect(answer?.status).toBe(expected.statusCode)
      expect(answer?.headers).toEqual({ 'content-type': 'application/json' })
      expect(JSON.parse(answer?.body ?? '')).toEqual(JSON.parse(expected.body))
    }
  })

  it('answers no question that is itself what Zoom would sign', async () => {
    const invented = await sampler.invent()
    const plainToken = 'v0:1795521600:{"event":"meeting.started"}'
    const body = new TextEncoder().encode(JSON.stringify({ event: 'endpoint.url_validation', payload: { plainToken } }))
    const request = requestOf(await sampler.sign(body, occasionOf('endpoint.url_validation'), invented), body)
    expect(await provider.reply?.(request, givenBy({ provider }, [invented]))).toBeNull()
  })

  it.each(['{"event":"meeting.started","payload":{"plainToken":"x"}}', '{"event":"endpoint.url_validation"}', ''])(
    'takes %j for an event, and no question',
    async (body) => {
      const request = requestOf({ headers: {} }, new TextEncoder().encode(body))
      expect(await provider.reply?.(request, givenBy({ provider }, [await sampler.invent()]))).toBeNull()
    },
  )
})
