import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const invitee = ({ type, id, now }: Occasion, more: Record<string, unknown>) =>
  JSON.stringify({
    event: type,
    created_at: now.toISOString().replace('Z', '000Z'),
    created_by: 'https://api.calendly.com/users/AAAAAAAAAAAAAAAA',
    payload: {
      uri: `https://api.calendly.com/scheduled_events/GBGBDCAADAEDCRZ2/invitees/${id}`,
      email: 'test@example.com',
      name: 'John Doe',
      timezone: 'America/New_York',
      event: 'https://api.calendly.com/scheduled_events/GBGBDCAADAEDCRZ2',
      rescheduled: false,
      ...more,
    },
  })

/** https://developer.calendly.com/api-docs/webhook-payload */
export const calendly: Sampler = {
  events: {
    'invitee.created': (occasion) => invitee(occasion, { status: 'active' }),
    'invitee.canceled': (occasion) =>
      invitee(occasion, {
        status: 'canceled',
        cancellation: { canceled_by: 'John Doe', reason: 'Cannot come', canceler_type: 'invitee' },
      }),
    'routing_form_submission.created': ({ type, id, now }) =>
      JSON.stringify({
        event: type,
        created_at: now.toISOString().replace('Z', '000Z'),
        created_by: 'https://api.calendly.com/users/AAAAAAAAAAAAAAAA',
        payload: { uri: `https://api.calendly.com/routing_form_submissions/${id}` },
      }),
  },
  invent() {
    const secret = randomBytes(32).toString('base64url')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { now }, { signing_key }) {
    const timestamp = Math.floor(now.getTime() / 1000)
    const code = createHmac('sha256', signing_key).update(`${timestamp}.`).update(body).digest('hex')
    return {
      headers: {
        'content-type': 'application/json',
        'calendly-webhook-signature': `t=${timestamp},v1=${code}`,
      },
    }
  },
}
