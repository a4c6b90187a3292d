import { createHash } from 'node:crypto'
import { parse } from 'node:querystring'
import Twilio from 'twilio'
import { describe, expect, it } from 'vitest'
import { twilio as sampler } from '../../../scripts/samples/twilio.ts'
import type { InboundRequest } from '../../../src/sources/provider.ts'
import { twilio as provider } from '../../../src/sources/providers/twilio.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

const HEADER = 'x-twilio-signature'
const utf8 = new TextEncoder()

/** As Express reads a form for Twilio's middleware. */
const readAsExpress = (body: Uint8Array) => ({ ...parse(new TextDecoder().decode(body)) })

const believesForm = ({ url, headers, body }: InboundRequest, auth_token: string) =>
  Twilio.validateRequest(auth_token, headers.get(HEADER) ?? '', url, readAsExpress(body))

describeScheme('Twilio', {
  provider,
  sampler,
  sign(body, { url }, { signing_key }) {
    return { headers: { [HEADER]: Twilio.getExpectedTwilioSignature(signing_key, url, readAsExpress(body)) } }
  },
  believes: (request, { signing_key }) => believesForm(request, signing_key),
  signs: 'text',
  signature_headers: [HEADER],
  is_timed: false,
  covers_body: true,
})

describe('Twilio', () => {
  async function verify(request: InboundRequest, auth_token: string) {
    const given = givenBy({ provider }, [await sampler.invent()])
    // The token of the examples is shorter than any of an account.
    return provider.verify(request, { ...given, credentials: [{ auth_token }] })
  }

  /** What Twilio's package signs, when one URL is signed and another one called. */
  async function sent({ signed, called = signed, body }: { signed: string; called?: string; body: string }) {
    const { signing_key } = await sampler.invent()
    const bytes = utf8.encode(body)
    const signature = Twilio.getExpectedTwilioSignature(signing_key, signed, readAsExpress(bytes))
    const request = requestOf({ headers: { [HEADER]: signature } }, bytes, called)
    return { ours: (await verify(request, signing_key)).ok, theirs: believesForm(request, signing_key) }
  }

  it('believes the example that its packages are tested with', async () => {
    const body = utf8.encode(
      'CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212',
    )
    const headers = { [HEADER]: 'RSOYDt4T1cUTdK1PDd93/VVr8B8=' }
    const request = requestOf({ headers }, body, 'https://mycompany.com/myapp.php?foo=1&bar=2')
    expect(await verify(request, '12345')).toEqual({ ok: true })
    expect(await verify(request, '12346')).toEqual({ ok: false, error: 'signature_mismatch' })
  })

  it('believes the example with a body of JSON', async () => {
    const body = '{"property": "value", "boolean": true}'
    const hash = '0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620'
    const url = `https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=${hash}`
    const headers = { [HEADER]: 'a9nBmqA0ju/hNViExpshrM61xv4=' }
    const request = requestOf({ headers }, utf8.encode(body), url)
    expect(await verify(request, '12345')).toEqual({ ok: true })
    expect(await verify({ ...request, body: utf8.encode(`${body} `) }, '12345')).toEqual({
      ok: false,
      error: 'signature_mismatch',
    })
  })

  it('takes a body of JSON by the hash in the URL, as Twilio’s package does', async () => {
    const { signing_key } = await sampler.invent()
    const body = '[{"specversion":"1.0","type":"com.twilio.messaging.message.delivered","id":"EZ1"}]'
    const hash = createHash('sha256').update(body).digest('hex')
    const url = `${occasionOf('').url}?bodySHA256=${hash}`
    const headers = { [HEADER]: Twilio.getExpectedTwilioSignature(signing_key, url, {}) }
    const request = requestOf({ headers }, utf8.encode(body), url)
    expect(Twilio.validateRequestWithBody(signing_key, headers[HEADER] ?? '', url, body)).toBe(true)
    expect(await verify(request, signing_key)).toEqual({ ok: true })
    expect(provider.identify(request, {}).type).toBe('com.twilio.messaging.message.delivered')
    for (const other of [
      url.replace(hash, hash.toUpperCase()),
      url.slice(0, -1),
      url.split('?')[0] ?? '',
      `${url}&x=1`,
    ]) {
      expect((await verify({ ...request, url: other }, signing_key)).ok, other).toBe(false)
    }
  })

  it.each([
    ['https://postern.example/in/src_1', 'https://postern.example:443/in/src_1'],
    ['https://postern.example:443/in/src_1', 'https://postern.example/in/src_1'],
    ['http://postern.example:80/in/src_1?a=b', 'http://postern.example/in/src_1?a=b'],
    ['https://postern.example/in/src_1', 'https://postern.example:8443/in/src_1'],
    ['https://postern.example:8443/in/src_1', 'https://postern.example:8443/in/src_1'],
    ['https://[::1]:443/in/src_1', 'https://[::1]/in/src_1'],
    ['https://[::1]/in/src_1', 'https://[::1]:8443/in/src_1'],
  ])('believes what was signed for %s at %s', async (signed, called) => {
    expect(await sent({ signed, called, body: 'a=1' })).toEqual({ ours: true, theirs: true })
  })

  it.each([
    ['https://postern.example:8443/in/src_1', 'https://postern.example/in/src_1'],
    ['http://postern.example/in/src_1', 'https://postern.example/in/src_1'],
    ['https://postern.example/in/src_1?a=b', 'https://postern.example/in/src_1'],
    ['https://postern.example/in/src_1', 'https://postern.example/in/src_2'],
  ])('refuses what was signed for %s at %s', async (signed, called) => {
    expect(await sent({ signed, called, body: 'a=1' })).toEqual({ ours: false, theirs: false })
  })

  it.each([
    ['of one name twice', 'b=2&a=1&b=1'],
    ['of the same twice', 'b=2&a=1&b=2'],
    ['without values', 'Body=&Empty&a=1&=x'],
    ['with empty pairs', '&&a=1&&b=2&'],
    ['with spaces, pluses and equals signs', 'Body=a+b%20c%2Bd=e==f%3D'],
    ['with percent signs that escape nothing', 'Body=100%&a=%zz%4&b=%'],
    ['of capitals and small letters', 'b=1&B=2&a=3&A=4&_=5&1=6'],
    ['beyond ASCII', 'Body=Zo%C3%AB%20%F0%9F%A6%8A&N%C3%A4me=Zoë 🦊'],
    ['of 1,000 parameters', Array.from({ length: 1000 }, (_, at) => `p${at}=${at}`).join('&')],
  ])('reads forms %s as Twilio’s package does', async (_what, body) => {
    const signed = 'https://postern.example/in/src_1'
    expect(await sent({ signed, body })).toEqual({ ours: true, theirs: true })
  })

  it('refuses more parameters than anybody sends', async () => {
    const { signing_key } = await sampler.invent()
    const body = Buffer.from('a&'.repeat(13_000_000))
    const signature = await sampler.sign(body.subarray(0, 4), occasionOf(''), { signing_key, credentials: {} })
    expect(await verify(requestOf(signature, body), signing_key)).toEqual({ ok: false, error: 'signature_mismatch' })
  })

  it.each([
    ['EventType=onMessageAdded&SmsStatus=received', 'onMessageAdded'],
    ['StatusCallbackEvent=participant-join&CallSid=CA1', 'participant-join'],
    ['RecordingStatus=completed&CallSid=CA1', 'recording.completed'],
    ['MessageStatus=sent&SmsStatus=sent', 'message.sent'],
    ['CallStatus=in-progress', 'call.in-progress'],
    ['Body=hello', null],
  ])('calls %s %s', (body, type) => {
    expect(provider.identify(requestOf({ headers: {} }, utf8.encode(body)), {})).toEqual({ id: null, type })
  })
})
