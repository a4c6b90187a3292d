import { sign, verify } from '@octokit/webhooks-methods'
import { describe, expect, it } from 'vitest'
import { meta as sampler } from '../../../scripts/samples/meta.ts'
import { meta as provider } from '../../../src/sources/providers/meta.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

const HEADER = 'x-hub-signature-256'

describeScheme('Meta', {
  provider,
  sampler,
  // Meta has no package for it. The header is that of GitHub, to the letter.
  sign: async (body, _occasion, { signing_key }) => ({
    headers: { [HEADER]: await sign(signing_key, new TextDecoder().decode(body)) },
  }),
  believes: ({ body, headers }, { signing_key }) =>
    verify(signing_key, new TextDecoder().decode(body), headers.get(HEADER) ?? ''),
  signs: 'text',
  signature_headers: [HEADER],
  is_timed: false,
  covers_body: true,
  takes_any_body: false,
})

describe('Meta', () => {
  const [old, current] = ['meatyhamhock', 'another-token'].map((verify_token) => ({
    signing_key: '',
    credentials: { app_secret: '0123456789abcdef', verify_token },
  }))
  const given = givenBy(
    { provider },
    [current, old].flatMap((invented) => (invented ? [invented] : [])),
  )

  it.each([
    ['an object', '{"object":"page","entry":[{"note":"Zoë 🦊"}]}', { ok: true }],
    ['an object that is not UTF-8', Buffer.from('{"\xff\xfe', 'latin1'), { ok: true }],
    // https://developers.facebook.com/docs/reference/login/signed-request
    ['a signed request', 'eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiJ9', { ok: false, error: 'wrong_recipient' }],
    ['nothing', '', { ok: false, error: 'wrong_recipient' }],
  ])('takes %s, which the app secret has signed, for what it is', async (_what, text, verdict) => {
    const body = Buffer.from(text)
    const invented = await sampler.invent()
    const request = requestOf(
      await sampler.sign(body, occasionOf('whatsapp_business_account.messages'), invented),
      body,
    )
    expect(await provider.verify(request, givenBy({ provider }, [invented]))).toEqual(verdict)
  })

  const greet = (query: string, method = 'GET') =>
    provider.greet?.(
      { ...requestOf({ headers: {} }, new Uint8Array(), `https://p.example/in/s${query}`), method },
      given,
    )

  it.each(['meatyhamhock', 'another-token'])(
    'answers the challenge that comes with the verify token %s',
    async (token) => {
      // https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests
      expect(await greet(`?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${token}`)).toEqual({
        status: 200,
        headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
        body: '1158201444',
      })
    },
  )

  const refused: [string, string, string?][] = [
    ['another token', '?hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhocK'],
    ['no token', '?hub.mode=subscribe&hub.challenge=1'],
    ['an empty token', '?hub.mode=subscribe&hub.challenge=1&hub.verify_token='],
    [
      'the token twice',
      '?hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhock&hub.verify_token=meatyhamhock',
    ],
    ['another mode', '?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=meatyhamhock'],
    ['no challenge', '?hub.mode=subscribe&hub.verify_token=meatyhamhock'],
    ['a challenge too long', `?hub.mode=subscribe&hub.verify_token=meatyhamhock&hub.challenge=${'1'.repeat(1025)}`],
    ['a challenge of lines', '?hub.mode=subscribe&hub.verify_token=meatyhamhock&hub.challenge=a%0Ab'],
    ['no query', ''],
    ['a POST', '?hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhock', 'POST'],
  ]
  it.each(refused)('has no answer to %s', async (_what, query, method) => {
    expect(await greet(query, method)).toBeNull()
  })

  const typeOf = (body: unknown) =>
    provider.identify(requestOf({ headers: {} }, new TextEncoder().encode(JSON.stringify(body))), {}).type
  const changes = (...fields: string[]) => fields.map((field) => ({ field, value: {} }))

  it('names a request for the field of all its changes, and says so when there are several', () => {
    expect(
      typeOf({ object: 'page', entry: [{ changes: changes('feed', 'feed') }, { changes: changes('feed') }] }),
    ).toBe('page.feed')
    expect(typeOf({ object: 'page', entry: [{ changes: changes('feed') }, { changes: changes('mention') }] })).toBe(
      'page.mixed',
    )
    expect(
      typeOf({ object: 'page', entry: [{ changes: changes('feed') }, { messaging: [{ recipient: { id: '1' } }] }] }),
    ).toBe('page.mixed')
    expect(typeOf({ object: 'page', entry: [{ standby: [{ recipient: { id: '1' } }] }] })).toBe('page.standby')
    const of_nobody_known = { sender: { user_ref: 'x' }, recipient: { id: '1' }, postback: {} }
    expect(typeOf({ object: 'page', entry: [{ messaging: [of_nobody_known] }] })).toBe('page.messaging')
    expect(
      typeOf({ object: 'page', entry: [{ messaging: [of_nobody_known] }, { standby: [{ recipient: { id: '1' } }] }] }),
    ).toBe('page.mixed')
    expect(typeOf({ object: 'permissions', entry: [{ id: '1', changed_fields: ['email'] }] })).toBe('permissions')
    expect(typeOf({ entry: [{ changes: changes('feed') }] })).toBeNull()
  })
})
