import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { dropbox as sampler } from '../../../scripts/samples/dropbox.ts'
import { dropbox as provider } from '../../../src/sources/providers/dropbox.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

const HEADER = 'x-dropbox-signature'

describeScheme('Dropbox', {
  provider,
  sampler,
  // By the words of the documentation: HMAC-SHA256 of the body with the app secret, as its Python sample has it.
  sign: (body, _occasion, { signing_key }) => ({
    headers: { [HEADER]: createHmac('sha256', Buffer.from(signing_key)).update(body).digest('hex') },
  }),
  signs: 'bytes',
  signature_headers: [HEADER],
  is_timed: false,
  covers_body: true,
})

describe('Dropbox', () => {
  const given = givenBy({ provider }, [{ signing_key: '', credentials: { app_secret: 'the_secret' } }])

  it('believes what the tests of hapi-dropbox-webhooks 1.1.0 show', async () => {
    const headers = { [HEADER]: '0a8c16b085420b960dc78664279fe09e936a2a01b1f91064869d9e77dfd64529' }
    const body = new TextEncoder().encode('{"delta": {"users": [12345]}}')
    expect(await provider.verify(requestOf({ headers }, body), given)).toEqual({ ok: true })
  })

  const greet = (query: string, method = 'GET') =>
    provider.greet?.(
      { ...requestOf({ headers: {} }, new Uint8Array(), `https://p.example/in/s${query}`), method },
      given,
    )

  it('says a challenge back, as text that no browser runs', async () => {
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
    expect(await greet('?challenge=abc123')).toEqual({ status: 200, headers, body: 'abc123' })
    expect(await greet('?challenge=%3Cscript%3Ealert(1)%3C/script%3E')).toEqual({
      status: 200,
      headers,
      body: '<script>alert(1)</script>',
    })
  })

  it('has no answer to anything else', async () => {
    for (const query of [
      '',
      '?',
      '?challenge=',
      '?challenge=a&challenge=b',
      '?other=a',
      '?challenge=%00',
      '#?challenge=a',
    ])
      expect(await greet(query), query).toBeNull()
    expect(await greet(`?challenge=${'a'.repeat(1025)}`)).toBeNull()
    expect(await greet('?challenge=abc123', 'POST')).toBeNull()
  })

  it('says of itself that another event looks the same', () => {
    const body = new TextEncoder().encode('{"list_folder": {"accounts": ["dbid:1"]}}')
    expect(provider.identify(requestOf({ headers: {} }, body), {})).toEqual({
      id: null,
      type: 'list_folder',
      may_look_alike: true,
    })
  })
})
