import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { mailgun as sampler } from '../../../scripts/samples/mailgun.ts'
import { mailgun as provider } from '../../../src/sources/providers/mailgun.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

const NOW = new Date('2026-11-24T12:00:00Z')
const timestamp = String(NOW.getTime() / 1000)
const token = 'e0b5477167110d68991efc6b9f89f0a11066af27834600e123'

/** By the words of the documentation: timestamp and token, nothing between them, in hexadecimal. */
const codeOf = (key: string, signed = timestamp + token) => createHmac('sha256', key).update(signed).digest('hex')

describeScheme('Mailgun', {
  provider,
  sampler,
  sign(body, { now }, { signing_key }) {
    const at = String(Math.floor(now.getTime() / 1000))
    const { 'event-data': event } = JSON.parse(new TextDecoder().decode(body))
    const signature = { token, timestamp: at, signature: codeOf(signing_key, at + token) }
    return { headers: {}, body: new TextEncoder().encode(JSON.stringify({ signature, 'event-data': event })) }
  },
  signs: 'text',
  signature_headers: [],
  is_timed: true,
  covers_body: 'in_part',
  takes_any_body: false,
})

describe('Mailgun', () => {
  const signing_key = '6d9d8a3f1b2c4e5f'
  const invented = { signing_key, credentials: { signing_key } }
  const requestWith = (signature: unknown, event: unknown = { id: 'a', event: 'delivered' }) =>
    requestOf({ headers: {} }, new TextEncoder().encode(JSON.stringify({ signature, 'event-data': event })))
  const verify = (signature: unknown, event?: unknown) =>
    provider.verify(requestWith(signature, event), givenBy({ provider }, [invented], NOW))

  it('does not see another event behind the same signature, but knows it by its token', async () => {
    const signature = { token, timestamp, signature: codeOf(signing_key) }
    expect(await verify(signature)).toEqual({ ok: true })
    expect(await verify(signature, { id: 'b', event: 'failed' })).toEqual({ ok: true })
    const [one, other] = [requestWith(signature), requestWith(signature, { id: 'b', event: 'failed' })]
    expect(provider.identify(one, {}).id).toBe(token)
    expect(provider.identify(other, {}).id).toBe(token)
  })

  it('takes a timestamp that is a number, as the documentation calls it', async () => {
    expect(await verify({ token, timestamp: Number(timestamp), signature: codeOf(signing_key) })).toEqual({ ok: true })
  })

  it('believes an event of a subaccount, signed with the key of the account above it', async () => {
    const signature = { token, timestamp, signature: codeOf('of-the-subaccount') }
    expect(await verify({ ...signature, 'parent-signature': codeOf(signing_key) })).toEqual({ ok: true })
    expect(await verify({ ...signature, 'parent-signature': codeOf('some-other-key') })).toEqual({
      ok: false,
      error: 'signature_mismatch',
    })
    expect(await verify({ ...signature, 'parent-signature': 'no code' })).toEqual({
      ok: false,
      error: 'malformed_signature',
    })
  })

  it.each([
    ['a digit of the timestamp in the token', timestamp.slice(0, -1), timestamp.slice(-1) + token],
    ['a character of the token in the timestamp', `${timestamp}0`, token.slice(1)],
  ])('refuses %s, though the text that is signed is the same', async (_what, time, rest) => {
    const signature = { token: rest, timestamp: time, signature: codeOf(signing_key, time + rest) }
    expect(await verify(signature)).toEqual({ ok: false, error: 'malformed_timestamp' })
  })

  it.each([
    ['token', { timestamp, signature: codeOf(signing_key, timestamp) }],
    ['timestamp', { token, signature: codeOf(signing_key, token) }],
    ['signature', { token, timestamp }],
  ])('refuses a signature without its %s', async (_what, signature) => {
    expect(await verify(signature)).toEqual({ ok: false, error: 'missing_signature' })
  })

  it('refuses another token or time', async () => {
    const signature = { token, timestamp, signature: codeOf(signing_key) }
    const later = String(Number(timestamp) + 1)
    for (const changed of [
      { token: token.replace('e0', 'e1') },
      { timestamp: later },
      { signature: codeOf('other-key') },
    ])
      expect(await verify({ ...signature, ...changed })).toEqual({ ok: false, error: 'signature_mismatch' })
  })
})
