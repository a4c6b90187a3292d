import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhook-payloads; without its signature */
const event = ({ type, id, now }: Occasion, more: Record<string, unknown>) =>
  JSON.stringify({
    'event-data': {
      id: createHash('sha256').update(id).digest('base64url').slice(0, 22),
      timestamp: now.getTime() / 1000,
      event: type,
      recipient: 'alice@example.com',
      message: { headers: { 'message-id': '20130503182626.18666.16540@example.com' } },
      ...more,
    },
  })

export const mailgun: Sampler = {
  events: {
    delivered: (occasion) =>
      event(occasion, { 'delivery-status': { code: 250, message: 'OK', 'attempt-no': 1 }, 'log-level': 'info' }),
    failed: (occasion) => event(occasion, { severity: 'permanent', reason: 'suppress-bounce', 'log-level': 'error' }),
    opened: (occasion) => event(occasion, { ip: '50.56.129.169', 'client-info': { 'client-type': 'browser' } }),
  },
  invent() {
    const signing_key = randomBytes(16).toString('hex')
    return { signing_key, credentials: { signing_key } }
  },
  sign(body, { id, now }, { signing_key }) {
    const timestamp = String(Math.floor(now.getTime() / 1000))
    const token = createHash('sha256').update(id).digest('hex').slice(0, 50)
    const signature = createHmac('sha256', signing_key).update(timestamp).update(token).digest('hex')
    const member = `{"signature":${JSON.stringify({ token, timestamp, signature })},`
    return {
      headers: { 'content-type': 'application/json', 'user-agent': 'Go-http-client/2.0' },
      body: Buffer.concat([Buffer.from(member), body.subarray(1)]),
    }
  },
}
