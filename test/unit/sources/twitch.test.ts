import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { twitch as sampler } from '../../../scripts/samples/twitch.ts'
import { twitch as provider } from '../../../src/sources/providers/twitch.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

const ID = 'twitch-eventsub-message-id'
const TIMESTAMP = 'twitch-eventsub-message-timestamp'
const NOW = new Date('2026-11-24T12:00:00Z')
const SIGNATURE = 'twitch-eventsub-message-signature'

describeScheme('Twitch', {
  provider,
  sampler,
  // By the words of the documentation, whose sample is https://github.com/twitchdev/eventsub-webhooks-node-sample.
  sign(body, { id, now }, { signing_key }) {
    const timestamp = now.toISOString().replace('Z', '371421Z')
    const message = Buffer.concat([Buffer.from(id + timestamp), body])
    const code = createHmac('sha256', signing_key).update(message).digest('hex')
    return { headers: { [ID]: id, [TIMESTAMP]: timestamp, [SIGNATURE]: `sha256=${code}` } }
  },
  signs: 'bytes',
  signature_headers: [SIGNATURE, ID, TIMESTAMP],
  is_timed: true,
  covers_body: true,
})

describe('Twitch', () => {
  const invented = { signing_key: 's3cRe7-of-ten', credentials: { secret: 's3cRe7-of-ten' } }
  const given = givenBy({ provider }, [invented])

  async function messageOf(kind: string, content: unknown) {
    const body = new TextEncoder().encode(JSON.stringify(content))
    const { headers } = await sampler.sign(body, occasionOf('stream.online'), invented)
    return requestOf({ headers: { ...headers, 'twitch-eventsub-message-type': kind } }, body)
  }

  it('answers the challenge of a new subscription, as text and nothing else', async () => {
    const challenge = 'pogchamp-kappa-360noscope-vohiyo'
    const request = await messageOf('webhook_callback_verification', { challenge, subscription: { status: 'pending' } })
    expect(await provider.verify(request, given)).toEqual({ ok: true })
    expect(await provider.reply?.(request, given)).toEqual({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
      body: challenge,
    })
  })

  it('has nothing to say to an event, to a revocation, and to a challenge that is none', async () => {
    const subscription = { type: 'channel.cheer', status: 'authorization_revoked' }
    for (const request of [
      await messageOf('notification', { subscription, challenge: 'x' }),
      await messageOf('revocation', { subscription }),
      await messageOf('webhook_callback_verification', { subscription }),
      await messageOf('webhook_callback_verification', { challenge: 'x'.repeat(1025) }),
      await messageOf('webhook_callback_verification', { challenge: 'two\nlines' }),
    ])
      expect(await provider.reply?.(request, given)).toBeNull()
  })

  it('names a revocation for what it is', async () => {
    const request = await messageOf('revocation', { subscription: { type: 'channel.cheer', status: 'user_removed' } })
    expect(provider.identify(request, {}).type).toBe('revocation')
  })

  it('knows one way only to cut what was signed apart', async () => {
    // Signed years ago, with a title of a stranger's choice in it.
    const [before, after] = ['msg-12020-01-01T00:00:00.123456789Z{"event":{"title":"', '{}"}}']
    const timestamp = NOW.toISOString()
    const code = createHmac('sha256', invented.signing_key)
      .update(before + timestamp + after)
      .digest('hex')
    const headers = { [ID]: before, [TIMESTAMP]: timestamp, [SIGNATURE]: `sha256=${code}` }
    const request = requestOf({ headers }, new TextEncoder().encode(after))
    expect(await provider.verify(request, given)).toEqual({ ok: false, error: 'malformed_signature' })
  })

  it('takes ids of the kinds that Twitch has made', async () => {
    for (const id of [
      'e76c6bd4-55c9-4987-8304-da1588d8988b',
      'bfDNfT0hxNX2KQ3Dc7oIwy0s4_Ym9GWkCT8M9vfeE-Jw=',
      'a+/b==',
    ]) {
      const timestamp = NOW.toISOString()
      const code = createHmac('sha256', invented.signing_key).update(`${id}${timestamp}{}`).digest('hex')
      const headers = { [ID]: id, [TIMESTAMP]: timestamp, [SIGNATURE]: `sha256=${code}` }
      expect(await provider.verify(requestOf({ headers }, new TextEncoder().encode('{}')), given)).toEqual({ ok: true })
    }
  })

  it.each([
    '2026-11-24',
    '1795694400',
    '2026-11-24T12:00:00',
    '2026-13-24T12:00:00Z',
    '2026-11-24T12:00:00.1234567890123Z',
  ])('refuses %s for a time', async (timestamp) => {
    const body = new TextEncoder().encode('{}')
    const code = createHmac('sha256', invented.signing_key).update(`id${timestamp}{}`).digest('hex')
    const request = requestOf({ headers: { [ID]: 'id', [TIMESTAMP]: timestamp, [SIGNATURE]: `sha256=${code}` } }, body)
    expect(await provider.verify(request, given)).toEqual({ ok: false, error: 'malformed_timestamp' })
  })
})
