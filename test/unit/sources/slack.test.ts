import { createHmac } from 'node:crypto'
import { verifySlackRequest } from '@slack/bolt'
import { describe, expect, it } from 'vitest'
import { slack as sampler } from '../../../scripts/samples/slack.ts'
import type { InboundRequest } from '../../../src/sources/provider.ts'
import { slack as provider } from '../../../src/sources/providers/slack.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

const utf8 = new TextEncoder()

describeScheme('Slack', {
  provider,
  sampler,
  // Bolt verifies and does not sign: by the words of "Verifying requests from Slack", step by step.
  sign(body, { now }, { signing_key }) {
    const timestamp = Math.floor(now.getTime() / 1000)
    const basestring = Buffer.concat([Buffer.from(`v0:${timestamp}:`), body])
    const signature = `v0=${createHmac('sha256', signing_key).update(basestring).digest('hex')}`
    return { headers: { 'x-slack-request-timestamp': String(timestamp), 'x-slack-signature': signature } }
  },
  believes({ headers, body }, { signing_key: signingSecret }, now) {
    verifySlackRequest({
      signingSecret,
      body: new TextDecoder().decode(body),
      headers: {
        'x-slack-signature': headers.get('x-slack-signature') ?? '',
        'x-slack-request-timestamp': Number(headers.get('x-slack-request-timestamp')),
      },
      nowMilliseconds: now.getTime(),
    })
  },
  signs: 'bytes',
  signature_headers: ['x-slack-signature', 'x-slack-request-timestamp'],
  is_timed: true,
  covers_body: true,
})

describe('Slack', () => {
  it('believes the example of the documentation', async () => {
    const secret = '8f742231b10e8888abcd99yyyzzz85a5'
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar' +
      '&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com' +
      '%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN' +
      '&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
    const headers = {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    }
    const request = requestOf({ headers }, utf8.encode(body))
    const given = givenBy({ provider }, [{ signing_key: secret, credentials: { secret } }], new Date(1531420618_000))
    expect(await provider.verify(request, given)).toEqual({ ok: true })
    expect(provider.identify(request, {})).toEqual({ id: null, type: 'slash_command' })
  })

  const requestWith = (body: string): InboundRequest => requestOf({ headers: {} }, utf8.encode(body))
  const given = givenBy({ provider }, [{ signing_key: '', credentials: { secret: 'x'.repeat(32) } }])

  it('answers with the challenge when a URL is entered', async () => {
    const body = '{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV","type":"url_verification"}'
    expect(await provider.reply?.(requestWith(body), given)).toEqual({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
      body: '3eZbrw1aBm2rZgRNFdxV',
    })
  })

  it.each(['{"type":"event_callback","challenge":"x"}', '{"type":"url_verification"}', 'challenge=x', ''])(
    'takes %j for an event, and no question',
    async (body) => {
      expect(await provider.reply?.(requestWith(body), given)).toBeNull()
    },
  )

  it('knows an event that is sent again, and tells others apart', () => {
    const [first, second] = [occasionOf('app_mention'), occasionOf('app_mention')].map((occasion) =>
      provider.identify(requestWith(sampler.events.app_mention?.(occasion) ?? ''), {}),
    )
    expect(first?.id).toMatch(/^Ev/)
    expect(second?.id).not.toBe(first?.id)
  })
})
