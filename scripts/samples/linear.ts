import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const event = ({ type, now }: Occasion, data: Record<string, unknown>) => {
  const [kind, action] = type.split('.')
  return JSON.stringify({
    action,
    type: kind,
    actor: { id: 'b5ea5f1f-8adc-4f52-b4bd-ab4e84cf51ba', type: 'user', name: 'Alice' },
    createdAt: now.toISOString(),
    data,
    url: 'https://linear.app/issue/LIN-1778/foo-bar',
    organizationId: 'dc844923-f9a4-40a3-825c-dea7747e57c8',
    webhookTimestamp: now.getTime(),
    webhookId: '000042e3-d123-4980-b49f-8e140eef9329',
  })
}

/** https://linear.app/developers/webhooks */
export const linear: Sampler = {
  events: {
    'Issue.create': (occasion) =>
      event(occasion, { id: '539068e2-ae88-4d09-bd75-22eb4a59612f', identifier: 'LIN-1778', title: 'Foo bar' }),
    'Issue.update': (occasion) =>
      event(occasion, { id: '539068e2-ae88-4d09-bd75-22eb4a59612f', identifier: 'LIN-1778', title: 'Foo baz' }),
    'Comment.create': (occasion) =>
      event(occasion, {
        id: '2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9',
        body: 'Indeed, I think this is definitely an improvement.',
        issueId: '539068e2-ae88-4d09-bd75-22eb4a59612f',
      }),
  },
  invent() {
    const secret = `lin_wh_${randomBytes(20).toString('hex')}`
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { type, id, now }, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'linear-delivery': id,
        'linear-event': type.split('.')[0] ?? '',
        'linear-signature': createHmac('sha256', signing_key).update(body).digest('hex'),
        'linear-timestamp': String(now.getTime()),
        'user-agent': 'Linear-Webhook',
      },
    }
  },
}
