import { createSign, generateKeyPairSync } from 'node:crypto'
import { EventEmitter } from 'node:events'
import https from 'node:https'
import MessageValidator from 'sns-validator'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { aws_sns as sampler } from '../../../scripts/samples/aws-sns.ts'
import { inventCertificate, issue } from '../../../scripts/samples/certificate.ts'
import type { Invented, Occasion } from '../../../scripts/samples/sampler.ts'
import type { InboundRequest, Means } from '../../../src/sources/provider.ts'
import { aws_sns as provider } from '../../../src/sources/providers/aws-sns.ts'
import { download } from './certificates.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'
import { BODIES, CERTIFICATE, TOPIC } from './vectors/aws-sns.ts'

type Message = Record<string, unknown>

const utf8 = {
  encode: (text: string) => new TextEncoder().encode(text),
  decode: (b: Uint8Array) => new TextDecoder().decode(b),
}
const bodyOf = (occasion: Occasion) => utf8.encode(sampler.events[occasion.type]?.(occasion) ?? '')

async function signed(invented: Invented, type = 'Notification', now?: Date): Promise<InboundRequest> {
  const occasion = occasionOf(type, now ? { now } : {})
  return requestOf(await sampler.sign(bodyOf(occasion), occasion, invented), new Uint8Array())
}

const messageOf = ({ body }: InboundRequest): Message => JSON.parse(utf8.decode(body))
const withBody = (request: InboundRequest, text: string): InboundRequest => ({ ...request, body: utf8.encode(text) })

const { sampler: own, means } = download(sampler, async (invented) =>
  String(messageOf(await signed(invented)).SigningCertURL),
)

async function certificateAt(url: string): Promise<Uint8Array | string> {
  return (await means.load(url)) ?? CERTIFICATE
}

/** What is downloaded for `sns-validator`. */
const download_spy = vi.spyOn(https, 'get')

beforeAll(() => {
  download_spy.mockImplementation(((url: string, answer: (response: unknown) => void) => {
    const request = new EventEmitter()
    const response = Object.assign(new EventEmitter(), { statusCode: 200 })
    void certificateAt(url).then((pem) => {
      answer(response)
      response.emit('data', Buffer.from(pem))
      response.emit('end')
    })
    return request
  }) as unknown as typeof https.get)
})

afterAll(() => download_spy.mockRestore())

/**
 * Amazon's own package, which says nothing of topics. Of an UnsubscribeConfirmation it forgets that the token is signed, and
 * does not even believe the one below that Amazon has really sent.
 */
function believes(request: InboundRequest, invented: Invented): Promise<boolean> | undefined {
  return messageOf(request).Type === 'UnsubscribeConfirmation' ? undefined : validate(request, invented)
}

function validate({ body }: InboundRequest, { settings }: Invented): Promise<boolean> {
  return new Promise((resolve) => {
    new MessageValidator().validate(utf8.decode(body), (error, message) => {
      const topics = settings?.topic_arns as string[]
      resolve(error === null && topics.includes(String(message?.TopicArn)))
    })
  })
}

describeScheme('Amazon SNS', {
  provider,
  sampler: own,
  means,
  believes,
  // By the words of the documentation, with the version that topics have unless told otherwise.
  async sign(body, occasion, invented) {
    const request = requestOf(await sampler.sign(body, occasion, invented), body)
    const message = { ...messageOf(request), SignatureVersion: '1' } as Message
    const names = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
    const content = names.map((name) => `${name}\n${message[name]}\n`).join('')
    const Signature = createSign('RSA-SHA1').update(content).sign(invented.signing_key, 'base64')
    return { headers: {}, body: utf8.encode(JSON.stringify({ ...message, Signature }, null, 2)) }
  },
  signs: 'bytes',
  signature_headers: [],
  is_timed: false,
  covers_body: true,
  takes_any_body: false,
})

const source = (settings: Record<string, unknown>): Invented => ({ signing_key: '', credentials: {}, settings })
const verify = (request: InboundRequest, invented: Invented, more: { means?: Means; now?: Date } = {}) =>
  provider.verify(request, givenBy({ provider, means: more.means ?? means }, [invented], more.now))
const refused = (error: string) => ({ ok: false, error })

describe('what Amazon has really sent', () => {
  const its_certificate = { load: vi.fn(async () => utf8.encode(CERTIFICATE)), visit: () => Promise.resolve(false) }

  it.each(Object.entries(BODIES))('is believed by the certificate that Amazon had then: %s', async (type, text) => {
    const request = requestOf({ headers: {} }, utf8.encode(text))
    const message = messageOf(request)
    const now = new Date(Date.parse(String(message.Timestamp)) + 1000)
    expect(await verify(request, source({ topic_arns: [TOPIC] }), { means: its_certificate, now })).toEqual({
      ok: true,
    })
    expect(its_certificate.load).toHaveBeenLastCalledWith(message.SigningCertURL)
    expect(provider.identify(request, {})).toEqual({ id: message.MessageId, type })
    expect(await validate(request, source({ topic_arns: [TOPIC] })), 'by the package').toBe(
      type !== 'UnsubscribeConfirmation',
    )

    const other = source({ topic_arns: [`${TOPIC}s`] })
    expect(await verify(request, other, { means: its_certificate, now })).toEqual(refused('wrong_recipient'))
    for (const name of ['Message', 'MessageId', 'Timestamp', 'Token', 'SubscribeURL', 'Subject']) {
      if (!(name in message)) continue
      const changed = text.replace(String(message[name]).slice(0, 3), 'xyz')
      const verdict = await verify(withBody(request, changed), source({ topic_arns: [TOPIC] }), {
        means: its_certificate,
        now,
      })
      expect(verdict.ok, name).toBe(false)
    }
  })
})

describe('a message of Amazon SNS', async () => {
  const invented = await own.invent()

  it('is as old as its last repetition, and so refused only hours after its publishing', async () => {
    const at = (s: number) => signed(invented, 'Notification', new Date(Date.parse('2026-11-24T12:00:00Z') - s * 1000))
    expect(await verify(await at(3600 + 299), invented)).toEqual({ ok: true })
    expect(await verify(await at(3600 + 301), invented)).toEqual(refused('timestamp_too_old'))
    expect(await verify(await at(-299), invented)).toEqual({ ok: true })
    expect(await verify(await at(-301), invented)).toEqual(refused('timestamp_in_future'))
  })

  it('is refused when the signature is not inside, as with raw message delivery', async () => {
    const request = await signed(invented)
    const { Signature: _, ...raw } = messageOf(request)
    for (const text of ['Hello world!', '{"order": 1842}', '[]', 'null', '""', JSON.stringify(raw)])
      expect(await verify(withBody(request, text), invented), text).toEqual(refused('missing_signature'))
  })

  it('is refused when a reader could understand it in another way', async () => {
    const request = await signed(invented)
    const text = utf8.decode(request.body)
    const twice = text.replace('"Message": ', '"Message": "forged",\n  "Message": ')
    const escaped = text.replace('{', '{ "Mess\\u0061ge": "forged",')
    expect(await verify(withBody(request, twice), invented)).toEqual(refused('missing_signature'))
    expect(await verify(withBody(request, escaped), invented)).toEqual(refused('missing_signature'))
    expect(await verify(withBody(request, `${text} x`), invented)).toEqual(refused('missing_signature'))
    const in_another_case = text.replace('{', '{ "message": "forged",')
    expect(await verify(withBody(request, in_another_case), invented)).toEqual(refused('missing_signature'))
    const attribute = { Type: 'String', Value: 'x' }
    const attributes = JSON.stringify({ ...messageOf(request), MessageAttributes: { id: attribute, ID: attribute } })
    expect(await verify(withBody(request, attributes), invented)).toEqual({ ok: true })
  })

  it('does not let its lines be read as other members', async () => {
    const request = await signed(invented)
    const { MessageId, Subject, Message, ...rest } = messageOf(request)
    const split = { ...rest, Message, MessageId: `${MessageId}\nSubject\n${Subject}` }
    expect(await verify(withBody(request, JSON.stringify(split)), invented)).toEqual(refused('malformed_signature'))
  })

  it.each([
    'http://sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem',
    'https://sns.us-west-2.amazonaws.com.attacker.example/SimpleNotificationService-0.pem',
    'https://sns.us-west-2.amazonaws.com@attacker.example/SimpleNotificationService-0.pem',
    'https://sns.us-west-2.amazonaws.com:8443/SimpleNotificationService-0.pem',
    'https://attacker.s3.amazonaws.com/SimpleNotificationService-0.pem',
    'https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-0.pem',
    'https://sns.s3-accelerate.amazonaws.com/SimpleNotificationService-0.pem',
    'https://sns.s3-external-1.amazonaws.com/SimpleNotificationService-0.pem',
    'https://sns.attacker.example/.amazonaws.com/SimpleNotificationService-0.pem',
    'https://sns.us-west-2.amazonaws.com/attacker/SimpleNotificationService-0.pem',
    'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem?Action=x',
    'https://sns.us-west-2.amazonaws.com/?Action=x&y=/SimpleNotificationService-0.pem',
    'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem\n',
  ])('names a certificate at Amazon, not at %s', async (SigningCertURL) => {
    const request = await signed(invented)
    const load = vi.fn(means.load)
    const text = JSON.stringify({ ...messageOf(request), SigningCertURL })
    const verdict = await verify(withBody(request, text), invented, { means: { ...means, load } })
    expect(verdict).toEqual(refused('untrusted_key'))
    expect(load).not.toHaveBeenCalled()
  })

  it.each(['us-east-1', 'us-gov-west-1', 'ap-southeast-7', 'us-iso-east-1', 'il-central-1'])(
    'may name a certificate in the region %s',
    async (region) => {
      const request = await signed(invented)
      const load = vi.fn(async () => null)
      const SigningCertURL = `https://sns.${region}.amazonaws.com/SimpleNotificationService-0.pem`
      const text = JSON.stringify({ ...messageOf(request), SigningCertURL })
      const verdict = await verify(withBody(request, text), invented, { means: { ...means, load } })
      expect(verdict).toEqual(refused('key_unavailable'))
      expect(load).toHaveBeenCalledExactlyOnceWith(SigningCertURL)
    },
  )

  it('has a certificate of SNS: of the region, or of all', async () => {
    const { private_key } = await inventCertificate('sns.amazonaws.com')
    const request = await signed({ ...invented, signing_key: private_key })
    const by = (name: string) => ({ ...means, load: async () => utf8.encode(issue(private_key, name)) })
    // As the AWS SDK for Java 2 expects them (SnsHostProviderTest).
    for (const name of [
      'sns.amazonaws.com',
      'sns-us-gov-west-1.amazonaws.com',
      'sns-cn-north-1.amazonaws.com.cn',
      'sns-signing.ap-southeast-7.amazonaws.com',
    ])
      expect(await verify(request, invented, { means: by(name) }), name).toEqual({ ok: true })
    for (const name of ['s3.amazonaws.com', 'sns.amazonaws.com.attacker.example', 'x.sns.amazonaws.com', ''])
      expect(await verify(request, invented, { means: by(name) }), name).toEqual(refused('untrusted_key'))
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const other = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const foreign = { ...means, load: async () => utf8.encode(issue(other, 'sns.amazonaws.com')) }
    expect(await verify(request, invented, { means: foreign })).toEqual(refused('signature_mismatch'))
    const nowhere = { ...means, load: () => Promise.resolve(null) }
    expect(await verify(request, invented, { means: nowhere })).toEqual(refused('key_unavailable'))
  })

  it('may be verified by a certificate that was pinned', async () => {
    const pinned = await sampler.invent()
    const load = vi.fn(means.load)
    expect(await verify(await signed(pinned), pinned, { means: { ...means, load } })).toEqual({ ok: true })
    expect(load).not.toHaveBeenCalled()
  })

  it('has to be of a topic that the source names', () => {
    const settings = (...topic_arns: string[]) => provider.settings.safeParse({ topic_arns }).success
    expect(settings('arn:aws:sns:eu-west-1:123456789012:orders', 'arn:aws-cn:sns:cn-north-1:123456789012:o.fifo')).toBe(
      true,
    )
    expect(settings()).toBe(false)
    expect(settings('*')).toBe(false)
    expect(settings('arn:aws:sns:eu-west-1:123456789012:*')).toBe(false)
    expect(settings('arn:aws:sqs:eu-west-1:123456789012:orders')).toBe(false)
  })
})

describe('the confirmation of a subscription', async () => {
  const invented = await own.invent()
  const reply = (request: InboundRequest, visit: Means['visit']) =>
    provider.reply?.(request, givenBy({ provider, means: { ...means, visit } }, [invented]))

  it('is made by visiting Amazon, once', async () => {
    const request = await signed(invented, 'SubscriptionConfirmation')
    const visit = vi.fn(async () => true)
    expect(await reply(request, visit)).toMatchObject({ status: 200 })
    expect(visit).toHaveBeenCalledExactlyOnceWith(messageOf(request).SubscribeURL)
  })

  it('is asked for again when Amazon did not answer', async () => {
    const request = await signed(invented, 'SubscriptionConfirmation')
    expect(await reply(request, async () => false)).toMatchObject({ status: 503 })
  })

  it('is not what anything else asks for', async () => {
    const visit = vi.fn(async () => true)
    for (const type of ['Notification', 'UnsubscribeConfirmation'])
      expect(await reply(await signed(invented, type), visit)).toBeNull()
    expect(await reply(requestOf({ headers: {} }, utf8.encode('no JSON')), visit)).toBeNull()
    expect(visit).not.toHaveBeenCalled()
  })

  it.each([
    (url: string) => url.replace('https:', 'http:'),
    (url: string) => url.replace('amazonaws.com', 'amazonaws.com.attacker.example'),
    (url: string) => url.replace(/sns\.[^.]+/, 'sns.s3-us-west-2'),
    (url: string) => url.replace('https://', 'https://attacker@'),
    (url: string) => url.replace('amazonaws.com/', 'amazonaws.com:8443/'),
    (url: string) => url.replace('ConfirmSubscription', 'Unsubscribe'),
    (url: string) => url.replace(':MyTopic', ':OtherTopic'),
    (url: string) => `${url}&TopicArn=arn:aws:sns:us-west-2:123456789012:other`,
    (url: string) => url.replace('/?', '/x?'),
    (url: string) => `${url}#x`,
    () => 'https://sns.us-west-2.amazonaws.com/',
    () => 'file:///etc/passwd',
    () => '',
  ])('is visited nowhere else, whatever was signed (%#)', async (change) => {
    const request = await signed(invented, 'SubscriptionConfirmation')
    const SubscribeURL = change(String(messageOf(request).SubscribeURL))
    const visit = vi.fn(async () => true)
    const changed = withBody(request, JSON.stringify({ ...messageOf(request), SubscribeURL }))
    expect(await reply(changed, visit)).toMatchObject({ status: 422 })
    expect(visit).not.toHaveBeenCalled()
  })
})
