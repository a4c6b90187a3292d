/** Messages of Amazon SNS: https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html and its neighbours. */
import { z } from '@hono/zod-openapi'
import { ok, type Result } from '../../lib/result.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { parseUnambiguous } from './unambiguous.ts'

/** A message has 256 KiB; written as JSON, each byte is six at most. */
const LIMITS = { bytes_max: 2 * 1024 * 1024, path: [] }

/**
 * What is signed stands line by line, so only the message itself, which comes first, may have several: otherwise the same
 * lines could be read as other members.
 */
const line = z.string().regex(/^[^\r\n]*$/)

const snsMessage = z.object({
  Type: z.enum(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']),
  MessageId: line.min(1).max(100),
  TopicArn: line,
  Message: z.string(),
  Subject: line.optional(),
  Timestamp: line,
  Token: line.optional(),
  SubscribeURL: line.optional(),
  SignatureVersion: z.enum(['1', '2']),
  Signature: z.string(),
  SigningCertURL: z.string().max(512),
})

export type SnsMessage = z.output<typeof snsMessage>

/**
 * Reads a message. Its members are signed, not its bytes: so nothing is taken that two readers could understand in two ways,
 * as JSON with a name twice, because receivers get the bytes.
 */
export function readSnsMessage(body: Uint8Array): Result<SnsMessage, Refusal> {
  const json = parseUnambiguous(body, LIMITS)
  // The way raw message delivery is, which SNS does not sign.
  if (typeof json !== 'object' || json === null || !('Signature' in json)) return refuse('missing_signature')
  const message = snsMessage.safeParse(json)
  return message.success ? ok(message.data) : refuse('malformed_signature')
}

const SIGNED = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
} as const

/** Each member that the kind of message has signed: its name on a line, its value on the next. */
export function stringToSign(message: SnsMessage): string {
  return SIGNED[message.Type].map((name) => (message[name] === undefined ? '' : `${name}\n${message[name]}\n`)).join('')
}

/**
 * A pattern of the hosts of SNS: between `sns.` and `.amazonaws.com` only a region, since at `sns.s3-us-west-2.amazonaws.com`
 * is the bucket of whoever was first to call one `sns`.
 */
export const SNS_HOST = String.raw`sns\.[a-z]{2}(?:-[a-z]{3,20}){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?`
const HOST = new RegExp(`^${SNS_HOST}$`)

/** Whether visiting a URL confirms the subscription to a topic, at Amazon and nowhere else. */
export function isConfirmation(text: string, topic_arn: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.origin !== `https://${url.hostname}` || !HOST.test(url.hostname)) return false
  if (url.username !== '' || url.password !== '' || url.hash !== '' || url.pathname !== '/') return false
  const { searchParams } = url
  return (
    ['Action', 'TopicArn'].every((name) => searchParams.getAll(name).length === 1) &&
    searchParams.get('Action') === 'ConfirmSubscription' &&
    searchParams.get('TopicArn') === topic_arn
  )
}
