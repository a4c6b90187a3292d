import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const subscription = ({ type, now, url }: Occasion, status: string, condition: Record<string, string>) => ({
  id: 'f1c2a387-161a-49f9-a165-0f21d7a4e1c4',
  status,
  type,
  version: '1',
  cost: 0,
  condition,
  transport: { method: 'webhook', callback: url },
  created_at: now.toISOString(),
})

/** https://dev.twitch.tv/docs/eventsub/handling-webhook-events/ */
export const twitch: Sampler = {
  events: {
    'stream.online': (occasion) =>
      JSON.stringify({
        subscription: subscription(occasion, 'enabled', { broadcaster_user_id: '1337' }),
        event: {
          id: '9001',
          broadcaster_user_id: '1337',
          broadcaster_user_login: 'cool_user',
          broadcaster_user_name: 'Cool_User',
          type: 'live',
          started_at: occasion.now.toISOString(),
        },
      }),
    'channel.cheer': (occasion) =>
      JSON.stringify({
        subscription: subscription(occasion, 'enabled', { broadcaster_user_id: '1337' }),
        event: { is_anonymous: false, user_id: '1234', broadcaster_user_id: '1337', message: 'pogchamp', bits: 1000 },
      }),
    revocation: (occasion) =>
      JSON.stringify({
        subscription: subscription({ ...occasion, type: 'channel.cheer' }, 'authorization_revoked', {
          broadcaster_user_id: '1337',
        }),
      }),
  },
  invent() {
    const secret = randomBytes(32).toString('hex')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { type, id, now }, { signing_key }) {
    const timestamp = now.toISOString().replace('Z', '123456Z')
    const code = createHmac('sha256', signing_key).update(id).update(timestamp).update(body).digest('hex')
    return {
      headers: {
        'content-type': 'application/json',
        'twitch-eventsub-message-id': id,
        'twitch-eventsub-message-retry': '0',
        'twitch-eventsub-message-signature': `sha256=${code}`,
        'twitch-eventsub-message-timestamp': timestamp,
        'twitch-eventsub-message-type': type === 'revocation' ? 'revocation' : 'notification',
        'twitch-eventsub-subscription-type': type === 'revocation' ? 'channel.cheer' : type,
        'twitch-eventsub-subscription-version': '1',
      },
    }
  },
}
