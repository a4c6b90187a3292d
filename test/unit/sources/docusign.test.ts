import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { docusign as sampler } from '../../../scripts/samples/docusign.ts'
import { docusign as provider } from '../../../src/sources/providers/docusign.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

/** As the samples of the documentation compute it. */
function computeHash(secret: string, payload: Uint8Array): string {
  const hmac = createHmac('sha256', secret)
  hmac.write(payload)
  hmac.end()
  return hmac.read().toString('base64')
}

describeScheme('DocuSign', {
  provider,
  sampler,
  sign: (body, _occasion, { signing_key }) => ({
    headers: { 'X-DocuSign-Signature-1': computeHash(signing_key, body) },
  }),
  signs: 'bytes',
  signature_headers: ['x-docusign-signature-1'],
  is_timed: false,
  covers_body: true,
})

describe('DocuSign', () => {
  const hmac_key = 'WBDn0P0zL1LpYp0vS2fvRr1lJZ0Y7j5S7g=='
  const body = new TextEncoder().encode('{"event":"envelope-sent"}')
  const verify = (...signatures: string[]) =>
    provider.verify(
      requestOf(
        { headers: Object.fromEntries(signatures.map((s, at) => [`x-docusign-signature-${at + 1}`, s])) },
        body,
      ),
      givenBy({ provider }, [{ signing_key: hmac_key, credentials: { hmac_key } }]),
    )
  const [own, other] = [computeHash(hmac_key, body), computeHash('another key of the account', body)]

  it('believes any of the signatures, since an account signs with all of its keys', async () => {
    expect(await verify(own, other)).toEqual({ ok: true })
    expect(await verify(other, other, own)).toEqual({ ok: true })
    expect(await verify(other, other)).toEqual({ ok: false, error: 'signature_mismatch' })
  })

  it('refuses any that is none', async () => {
    expect(await verify(own, 'no base64')).toEqual({ ok: false, error: 'malformed_signature' })
    expect(await verify(own, '')).toEqual({ ok: false, error: 'missing_signature' })
    expect(await verify(own, `${other}, ${other}`)).toEqual({ ok: false, error: 'duplicate_header' })
  })

  it('looks at 100, as many as an account has keys', async () => {
    const others = Array.from({ length: 99 }, () => other)
    expect(await verify(...others, own)).toEqual({ ok: true })
    expect(await verify(...others, other, own)).toEqual({ ok: false, error: 'signature_mismatch' })
  })

  it('knows a repeat, which counts itself, from another event of the same envelope', () => {
    const idOf = (change: Record<string, unknown>, data: Record<string, string> = {}) => {
      const event = { event: 'recipient-sent', generatedDateTime: '2026-11-24T12:00:00.0000000Z', retryCount: 0 }
      const content = { ...event, ...change, data: { envelopeId: 'e1', recipientId: '1', ...data } }
      return provider.identify(requestOf({ headers: {} }, new TextEncoder().encode(JSON.stringify(content))), {}).id
    }
    const id = idOf({})
    expect(idOf({ retryCount: 1 })).toBe(id)
    const others = [
      idOf({ event: 'recipient-completed' }),
      idOf({ generatedDateTime: '2026-11-24T12:00:01.0000000Z' }),
      idOf({}, { envelopeId: 'e2' }),
      idOf({}, { recipientId: '2' }),
    ]
    expect(new Set([id, ...others]).size).toBe(5)
  })

  it('has no id for XML', () => {
    const xml = new TextEncoder().encode('<?xml version="1.0"?><DocuSignEnvelopeInformation/>')
    expect(provider.identify(requestOf({ headers: {} }, xml), {})).toEqual({ id: null, type: null })
  })
})
