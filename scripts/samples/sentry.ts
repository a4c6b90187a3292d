import { createHmac, randomBytes } from 'node:crypto'
import type { Sampler } from './sampler.ts'

const installation = { uuid: 'a8e5d37a-696c-4c54-adb5-b3f28d64c7de' }
const sentry_itself = { type: 'application', id: 'sentry', name: 'Sentry' }

/** https://docs.sentry.io/organization/integrations/integration-platform/webhooks/ */
export const sentry: Sampler = {
  events: {
    'issue.created': () =>
      JSON.stringify({
        action: 'created',
        installation,
        data: { issue: { id: '1170820242', title: 'ReferenceError: heck is not defined', status: 'unresolved' } },
        actor: sentry_itself,
      }),
    'event_alert.triggered': () =>
      JSON.stringify({
        action: 'triggered',
        installation,
        data: {
          event: { event_id: 'e4874d664c3540c1a32eab185f12c5ab', level: 'error' },
          triggered_rule: 'Very Important',
        },
        actor: sentry_itself,
      }),
    'installation.created': () =>
      JSON.stringify({
        action: 'created',
        installation,
        data: { installation: { ...installation, status: 'installed', organization: { slug: 'test-org' } } },
        actor: { type: 'user', id: 1, name: 'Meredith Heller' },
      }),
  },
  invent() {
    const secret = randomBytes(32).toString('hex')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { type, id, now }, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'request-id': id.replaceAll('-', ''),
        'sentry-hook-resource': type.split('.')[0] ?? '',
        'sentry-hook-signature': createHmac('sha256', signing_key).update(body).digest('hex'),
        'sentry-hook-timestamp': String(Math.floor(now.getTime() / 1000)),
      },
    }
  },
}
