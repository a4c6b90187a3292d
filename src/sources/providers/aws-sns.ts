import { z } from '@hono/zod-openapi'
import { defineProvider, type Given } from '../provider.ts'
import { refuse, type Verdict } from '../refusal.ts'
import { findCertificate, pinnedCertificate, verifyRsa } from '../schemes/certificate.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { isConfirmation, readSnsMessage, SNS_HOST, type SnsMessage, stringToSign } from '../schemes/sns-message.ts'
import { checkTime, parseRfc3339 } from '../schemes/timestamp.ts'

const CERTIFICATES = new RegExp(`^https://${SNS_HOST}/SimpleNotificationService-[A-Za-z0-9]{1,64}\\.pem$`)

/** Which name it is depends on the region (sns-message-manager of the AWS SDK for Java 2, `SnsHostProvider`). */
const ISSUED_TO = /^sns(?:-signing)?(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/

/** All that SNS repeats a message for, with the time of its publishing: a hard limit ("Message delivery retries"). */
const REPEATED_MS_MAX = 3_600_000

const settings = z.strictObject({
  topic_arns: z
    .array(
      z
        .string()
        .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]{3,30}:\d{12}:[\w-]{1,256}(\.fifo)?$/, 'must be the ARN of a topic'),
    )
    .min(1)
    .max(100),
  certificate: pinnedCertificate.optional(),
})

/**
 * RSA over some members of the body, which holds the signature as well. Amazon signs for all of its customers with the same
 * keys, so that it is the topic that makes a message this source's.
 */
export const aws_sns = defineProvider({
  title: 'Amazon SNS',
  specification: 'https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html',
  credentials: z.strictObject({}),
  settings,
  forwards: ['x-amz-sns-*'],

  async verify({ body }, given) {
    const message = readSnsMessage(body)
    if (!message.ok) return message
    if (!given.settings.topic_arns.includes(message.value.TopicArn)) return refuse('wrong_recipient')
    const verdict = await verifyMessage(message.value, given)
    return verdict.ok ? checkPublished(message.value, given) : verdict
  },

  identify({ body }) {
    const message = readSnsMessage(body)
    return message.ok ? { id: message.value.MessageId, type: message.value.Type } : { id: null, type: null }
  },

  async reply({ body }, { means }) {
    const message = readSnsMessage(body)
    if (!message.ok || message.value.Type !== 'SubscriptionConfirmation') return null
    const { SubscribeURL: url = '', TopicArn } = message.value
    if (!isConfirmation(url, TopicArn)) return { status: 422, body: 'This subscription cannot be confirmed from here.' }
    if (await means.visit(url)) return { status: 200, body: 'The subscription is confirmed.' }
    // SNS comes again after an answer of 5xx, not after one of 4xx.
    return { status: 503, body: 'The subscription could not be confirmed right now.' }
  },
})

async function verifyMessage(message: SnsMessage, given: Given<unknown, z.output<typeof settings>>): Promise<Verdict> {
  const signature = decodeSignature(message.Signature, 'base64')
  if (!signature.ok) return signature
  const pinned = given.settings.certificate
  const where = { pinned, url: message.SigningCertURL, at: CERTIFICATES, issued_to: ISSUED_TO }
  const certificate = await findCertificate(where, given)
  if (!certificate.ok) return certificate
  const algorithm = message.SignatureVersion === '1' ? 'sha1' : 'sha256'
  return verifyRsa(algorithm, certificate.value, [stringToSign(message)], signature.value)
}

function checkPublished({ Timestamp }: SnsMessage, clock: { now: number; tolerance_ms: number }): Verdict {
  const published_at = parseRfc3339(Timestamp)
  if (!published_at.ok) return published_at
  const { value: first } = published_at
  // It may have been sent at any time from then until SNS gives up.
  return checkTime(Math.max(first, Math.min(clock.now, first + REPEATED_MS_MAX)), clock)
}
