import { describe, expect, it } from 'vitest'
import { telegram as sampler } from '../../../scripts/samples/telegram.ts'
import { telegram as provider } from '../../../src/sources/providers/telegram.ts'
import { describeScheme, requestOf } from './scheme.ts'

describeScheme('Telegram', {
  provider,
  sampler,
  // The documentation has nothing to compute: the header is the token.
  sign: (_body, _occasion, { credentials: { secret_token = '' } }) => ({
    headers: { 'X-Telegram-Bot-Api-Secret-Token': secret_token },
  }),
  signs: 'bytes',
  signature_headers: ['x-telegram-bot-api-secret-token'],
  is_timed: false,
  covers_body: false,
})

describe('Telegram', () => {
  const identify = (body: string) => provider.identify(requestOf({ headers: {} }, new TextEncoder().encode(body)), {})

  it('names an update for what it holds, wherever the id stands', () => {
    expect(identify('{"update_id":10000,"message":{"text":"/start"}}')).toEqual({ id: '10000', type: 'message' })
    expect(identify('{"inline_query":{"update_id":1},"update_id":10001}')).toEqual({
      id: '10001',
      type: 'inline_query',
    })
  })

  it.each(['', '{', '[]', '"message"', '{"update_id"', '{"update_id":1}', '{1:2}'])('says nothing of %s', (body) => {
    expect(identify(body).type).toBeNull()
  })

  it('never passes the token on', () => {
    expect(provider.forwards).toEqual([])
  })
})
