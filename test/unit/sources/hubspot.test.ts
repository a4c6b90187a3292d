import { Signature } from '@hubspot/api-client'
import { describe, expect, it, vi } from 'vitest'
import { hubspot as sampler } from '../../../scripts/samples/hubspot.ts'
import { hubspot as provider } from '../../../src/sources/providers/hubspot.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

const utf8 = new TextEncoder()

describeScheme('HubSpot', {
  provider,
  sampler,
  sign(body, { url, now }, { signing_key: clientSecret }) {
    const requestBody = new TextDecoder().decode(body)
    const timestamp = now.getTime()
    const signature = Signature.getSignature('POST', 'v3', { signature: '', clientSecret, requestBody, url, timestamp })
    return { headers: { 'x-hubspot-signature-v3': signature, 'x-hubspot-request-timestamp': String(timestamp) } }
  },
  believes({ method, url, headers, body }, { signing_key: clientSecret }, now) {
    vi.setSystemTime(now)
    try {
      return Signature.isValid({
        signatureVersion: 'v3',
        signature: headers.get('x-hubspot-signature-v3') ?? '',
        clientSecret,
        requestBody: new TextDecoder().decode(body),
        method,
        url,
        timestamp: Number(headers.get('x-hubspot-request-timestamp')),
      })
    } finally {
      vi.useRealTimers()
    }
  },
  signs: 'text',
  signature_headers: ['x-hubspot-signature-v3', 'x-hubspot-request-timestamp'],
  is_timed: true,
  covers_body: true,
})

describe('HubSpot', () => {
  it('decodes of a URL what the documentation says, and nothing else', async () => {
    const invented = await sampler.invent()
    const body = utf8.encode('[]')
    const called = 'https://postern.example/in/src_1?a=%3A%2f%3F%40%21%24%27%28%29%2A%2C%3B&b=%20%C3%BC%26%3D%25%2B'
    const signed = "https://postern.example/in/src_1?a=:/?@!$'()*,;&b=%20%C3%BC%26%3D%25%2B"
    const signature = await sampler.sign(body, occasionOf('contact.creation', { url: signed }), invented)
    const given = givenBy({ provider }, [invented])
    expect(await provider.verify(requestOf(signature, body, called), given)).toEqual({ ok: true })
    const wrong = await sampler.sign(body, occasionOf('contact.creation', { url: called }), invented)
    expect((await provider.verify(requestOf(wrong, body, called), given)).ok).toBe(false)
  })

  it('refuses what was signed for another method', async () => {
    const invented = await sampler.invent()
    const body = utf8.encode('[]')
    const request = requestOf(await sampler.sign(body, occasionOf('contact.creation'), invented), body)
    const verdict = await provider.verify({ ...request, method: 'PUT' }, givenBy({ provider }, [invented]))
    expect(verdict).toEqual({ ok: false, error: 'signature_mismatch' })
  })

  it.each([
    ['v1', '232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de'],
    ['v2', '9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900'],
  ])('does not look at version %s', async (version, signature) => {
    const headers = { 'x-hubspot-signature': signature, 'x-hubspot-signature-version': version }
    const secret = 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy'
    const request = requestOf({ headers }, utf8.encode('{"example_field":"example_value"}'))
    const given = givenBy({ provider }, [{ signing_key: secret, credentials: { secret } }])
    expect(await provider.verify(request, given)).toEqual({ ok: false, error: 'missing_signature' })
  })

  const identify = (events: unknown) =>
    provider.identify(requestOf({ headers: {} }, utf8.encode(JSON.stringify(events))), {})
  const event = { eventId: 1, subscriptionType: 'contact.creation', attemptNumber: 0, objectId: 123 }

  it('knows a batch that is sent again, and tells others apart', () => {
    const first = identify([event, { ...event, objectId: 124 }])
    const again = identify([
      { ...event, attemptNumber: 1 },
      { ...event, attemptNumber: 12, objectId: 124 },
    ])
    expect(again).toEqual(first)
    expect(identify([event]).id).not.toBe(first.id)
    const quoted = (number: number) => identify([{ ...event, propertyValue: `"attemptNumber":${number}` }]).id
    expect(quoted(1)).not.toBe(quoted(2))
  })

  it('says what a batch is of, when it is of one kind', () => {
    expect(identify([event, event]).type).toBe('contact.creation')
    expect(identify([event, { ...event, subscriptionType: 'deal.deletion' }]).type).toBe('mixed')
    expect(identify(event).type).toBe('contact.creation')
    expect(identify([]).type).toBeNull()
  })
})
