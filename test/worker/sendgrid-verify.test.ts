import { describe, expect, it } from 'vitest'
import { sendgrid } from '../../src/sources/providers/sendgrid.ts'

describe('ECDSA on workerd', () => {
  // https://github.com/sendgrid/sendgrid-nodejs/blob/main/packages/eventwebhook/src/eventwebhook.spec.js
  const credentials = {
    public_key:
      'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA==',
  }
  const signature = 'MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0='
  const body = new TextEncoder().encode('{"category":"example_payload","event":"test_event","message_id":"message_id"}')

  const verify = (code: string, content = body) =>
    sendgrid.verify(
      {
        method: 'POST',
        url: 'https://postern.example/in/src',
        headers: new Headers({
          'x-twilio-email-event-webhook-signature': code,
          'x-twilio-email-event-webhook-timestamp': '1588788367',
        }),
        body: content,
      },
      {
        credentials: [credentials],
        settings: {},
        now: 1588788367000,
        tolerance_ms: 300_000,
        means: { load: () => Promise.resolve(null), visit: () => Promise.resolve(false) },
      },
    )

  it('takes SendGrid’s own signature', async () => {
    expect(sendgrid.credentials.safeParse(credentials).success).toBe(true)
    expect(await verify(signature)).toEqual({ ok: true })
  })

  it.each([
    ['of another body', signature, new Uint8Array(0)],
    ['that is no DER', 'AAAA', body],
    ['whose numbers are zero', 'MAYCAQACAQA=', body],
    ['that is cut off', signature.slice(0, 40), body],
    ['that goes on', `${signature.slice(0, -1)}A`, body],
  ])('refuses one %s', async (_what, code, content) => {
    expect(await verify(code, content)).toMatchObject({ ok: false })
  })

  it.each([
    ['not on the curve', `${credentials.public_key.slice(0, -8)}AAAAAA==`],
    ['cut off', credentials.public_key.slice(0, 60)],
    ['no key', 'AAAA'],
  ])('takes no key that is %s', (_what, public_key) => {
    expect(sendgrid.credentials.safeParse({ public_key }).success).toBe(false)
  })
})
