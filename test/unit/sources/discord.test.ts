import { createPrivateKey, sign } from 'node:crypto'
import { InteractionResponseType, InteractionType, verifyKey, WebhookType } from 'discord-interactions'
import { describe, expect, it } from 'vitest'
import { discord as sampler } from '../../../scripts/samples/discord.ts'
import { discord as provider } from '../../../src/sources/providers/discord.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

describeScheme('Discord', {
  provider,
  sampler,
  // The package verifies and does not sign: by the words of "Validating security request headers".
  sign(body, { now }, { signing_key }) {
    const timestamp = String(Math.floor(now.getTime() / 1000))
    const message = Buffer.concat([Buffer.from(timestamp), body])
    const signature = sign(undefined, message, createPrivateKey(signing_key)).toString('hex')
    return { headers: { 'x-signature-ed25519': signature, 'x-signature-timestamp': timestamp } }
  },
  believes: ({ headers, body }, { credentials }) =>
    verifyKey(
      Buffer.from(body),
      headers.get('x-signature-ed25519') ?? '',
      headers.get('x-signature-timestamp') ?? '',
      credentials.public_key ?? '',
    ),
  signs: 'bytes',
  signature_headers: ['x-signature-ed25519', 'x-signature-timestamp'],
  is_timed: true,
  covers_body: true,
})

describe('Discord', () => {
  const requestWith = (body: unknown) => requestOf({ headers: {} }, new TextEncoder().encode(JSON.stringify(body)))

  async function replyTo(body: unknown) {
    return provider.reply?.(requestWith(body), givenBy({ provider }, [await sampler.invent()]))
  }

  it('acknowledges the ping of webhook events with nothing', async () => {
    const ping = { version: 1, application_id: '1234560123453231555', type: WebhookType.PING }
    expect(await replyTo(ping)).toMatchObject({
      status: 204,
      headers: { 'content-type': 'application/json' },
      body: '',
    })
  })

  it('acknowledges the ping of interactions with a pong', async () => {
    const ping = { id: '1', application_id: '1', type: InteractionType.PING, token: 'x', version: 1 }
    const answer = await replyTo(ping)
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    expect(JSON.parse(answer?.body ?? '')).toEqual({ type: InteractionResponseType.PONG })
  })

  it('takes an event for no ping, and an interaction neither', async () => {
    expect(await replyTo({ version: 1, type: WebhookType.EVENT, event: { type: 'ENTITLEMENT_CREATE' } })).toBeNull()
    expect(await replyTo({ id: '1', type: InteractionType.APPLICATION_COMMAND })).toBeNull()
    expect(await replyTo({ type: '0' })).toBeNull()
    expect(await replyTo([])).toBeNull()
  })

  it.each([
    ['APPLICATION_COMMAND', InteractionType.APPLICATION_COMMAND],
    ['MESSAGE_COMPONENT', InteractionType.MESSAGE_COMPONENT],
    ['APPLICATION_COMMAND_AUTOCOMPLETE', InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE],
    ['MODAL_SUBMIT', InteractionType.MODAL_SUBMIT],
  ])('calls an interaction %s by its name', (name, type) => {
    expect(InteractionType[type]).toBe(name)
    expect(provider.identify(requestWith({ id: '846462639134605312', type }), {})).toEqual({
      id: '846462639134605312',
      type: name,
    })
  })

  it.each([
    ['of 63 bytes', '0'.repeat(126)],
    ['of zeros', '0'.repeat(128)],
    ['of 65 bytes', 'f'.repeat(130)],
  ])('refuses a signature %s without throwing', async (_what, signature) => {
    const headers = { 'x-signature-ed25519': signature, 'x-signature-timestamp': '1764000000' }
    const given = givenBy({ provider }, [{ signing_key: '', credentials: { public_key: 'f'.repeat(64) } }])
    const verdict = await provider.verify(requestOf({ headers }, new Uint8Array(0)), given)
    expect(verdict).toEqual({ ok: false, error: 'signature_mismatch' })
  })
})
