import { generateKeyPairSync } from 'node:crypto'
import { EventWebhook } from '@sendgrid/eventwebhook'
import { describe, expect, it } from 'vitest'
import { sendgrid as sampler } from '../../../scripts/samples/sendgrid.ts'
import { sendgrid as provider } from '../../../src/sources/providers/sendgrid.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

const SIGNATURE = 'x-twilio-email-event-webhook-signature'
const TIMESTAMP = 'x-twilio-email-event-webhook-timestamp'

const webhook = new EventWebhook()

describeScheme('SendGrid', {
  provider,
  sampler,
  // The package does not sign. What it has of SendGrid's own is below.
  believes: ({ body, headers }, { credentials: { public_key = '' } }) =>
    webhook.verifySignature(
      webhook.convertPublicKeyToECDSA(public_key),
      Buffer.from(body),
      headers.get(SIGNATURE) ?? '',
      headers.get(TIMESTAMP) ?? '',
    ),
  signs: 'bytes',
  signature_headers: [SIGNATURE, TIMESTAMP],
  is_timed: true,
  covers_body: true,
})

describe('SendGrid', () => {
  // https://github.com/sendgrid/sendgrid-nodejs/blob/main/packages/eventwebhook/src/eventwebhook.spec.js
  const public_key =
    'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA=='
  const signature = 'MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0='
  const timestamp = '1588788367'
  const payload = '{"category":"example_payload","event":"test_event","message_id":"message_id"}'

  const verify = (headers: Record<string, string>, body = payload) =>
    provider.verify(
      requestOf({ headers }, new TextEncoder().encode(body)),
      givenBy({ provider }, [{ signing_key: '', credentials: { public_key } }], new Date(Number(timestamp) * 1000)),
    )

  it('believes what the tests of SendGrid’s package show', async () => {
    expect(await verify({ [SIGNATURE]: signature, [TIMESTAMP]: timestamp })).toEqual({ ok: true })
  })

  it.each([
    ['another payload', { [SIGNATURE]: signature, [TIMESTAMP]: timestamp }, 'payload'],
    ['another time', { [SIGNATURE]: signature, [TIMESTAMP]: '1588788368' }, payload],
    ['a signature that is no DER', { [SIGNATURE]: 'AAAA', [TIMESTAMP]: timestamp }, payload],
    ['zeros for numbers', { [SIGNATURE]: 'MAYCAQACAQA=', [TIMESTAMP]: timestamp }, payload],
  ])('refuses %s', async (_what, headers, body) => {
    expect(await verify(headers, body)).toEqual({ ok: false, error: 'signature_mismatch' })
  })

  const refusedKeys: [string, string][] = [
    ['of another curve', der('ec', 'P-384')],
    ['of another kind', der('ed25519')],
    ['not on the curve', `${public_key.slice(0, -8)}AAAAAA==`],
    ['cut off', public_key.slice(0, 60)],
    ['no base64', 'not a key'],
  ]
  it.each(refusedKeys)('takes no public key that is %s', (_what, key) => {
    expect(provider.credentials.safeParse({ public_key: key }).success).toBe(false)
  })
})

function der(kind: 'ec' | 'ed25519', namedCurve = ''): string {
  const { publicKey } = kind === 'ec' ? generateKeyPairSync('ec', { namedCurve }) : generateKeyPairSync('ed25519')
  return publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
}
