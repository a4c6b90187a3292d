import { createHash, createPrivateKey, createPublicKey, createSign, randomInt } from 'node:crypto'
import { inventCertificate } from './certificate.ts'
import type { Occasion, Sampler } from './sampler.ts'

const TOKEN = '2336412f37fb687f5d51e6e2425929f52e8e353134fe72d55ef8b330217d82da14007cbccefffd35b695feb8f0294d01'

const envelope = ({ type, id, now }: Occasion, members: Record<string, string>) =>
  JSON.stringify(
    { Type: type, MessageId: id, ...members, Timestamp: now.toISOString(), SignatureVersion: '2' },
    null,
    2,
  )

/** Without what only a topic has: its ARN, and the signature. */
export const aws_sns: Sampler = {
  events: {
    Notification: (occasion) =>
      envelope(occasion, { Subject: 'My First Message', Message: 'Hello world! Order 1842 was created.' }),
    SubscriptionConfirmation: (occasion) =>
      envelope(occasion, {
        Token: TOKEN,
        Message: 'You have chosen to subscribe to the topic.\nTo confirm, visit the SubscribeURL in this message.',
      }),
    UnsubscribeConfirmation: (occasion) =>
      envelope(occasion, {
        Token: TOKEN,
        Message: 'You have chosen to deactivate the subscription.\nTo restore it, visit the SubscribeURL.',
      }),
  },
  async invent() {
    const { private_key, certificate } = await inventCertificate('sns.amazonaws.com')
    const topic_arns = [`arn:aws:sns:us-west-2:${randomInt(1e11, 1e12)}:MyTopic`]
    return { signing_key: private_key, credentials: {}, settings: { topic_arns, certificate } }
  },
  sign(body, { type, id }, { signing_key, settings }) {
    const [topic = ''] = (settings?.topic_arns ?? []) as string[]
    const host = 'https://sns.us-west-2.amazonaws.com'
    const { Timestamp, SignatureVersion, ...members } = JSON.parse(new TextDecoder().decode(body))
    const message: Record<string, string> = { ...members, TopicArn: topic, Timestamp, SignatureVersion }
    if (type !== 'Notification')
      message.SubscribeURL = `${host}/?Action=ConfirmSubscription&TopicArn=${topic}&Token=${members.Token}`
    const signed = ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
    const content = signed.flatMap((name) => (name in message ? [name, message[name]] : []))
    const algorithm = SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256'
    message.Signature = createSign(algorithm)
      .update(`${content.join('\n')}\n`)
      .sign(signing_key, 'base64')
    const public_key = createPublicKey(createPrivateKey(signing_key)).export({ type: 'spki', format: 'der' })
    const number = createHash('md5').update(public_key).digest('hex')
    message.SigningCertURL = `${host}/SimpleNotificationService-${number}.pem`
    if (type === 'Notification')
      message.UnsubscribeURL = `${host}/?Action=Unsubscribe&SubscriptionArn=${topic}:2bcfbf39`
    return {
      headers: {
        'content-type': 'text/plain; charset=UTF-8',
        'user-agent': 'Amazon Simple Notification Service Agent',
        'x-amz-sns-message-type': type,
        'x-amz-sns-message-id': id,
        'x-amz-sns-topic-arn': topic,
      },
      body: new TextEncoder().encode(JSON.stringify(message, null, 2)),
    }
  },
}
