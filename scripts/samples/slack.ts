import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const FORM_TYPES = new Set(['slash_command', 'block_actions'])

/** https://docs.slack.dev/apis/events-api */
const event = ({ id, now }: Occasion, inner: Record<string, unknown>) =>
  JSON.stringify({
    team_id: 'T123ABC456',
    api_app_id: 'A123ABC456',
    event: { user: 'U123ABC456', ts: (now.getTime() / 1000).toFixed(6), channel: 'C123ABC456', ...inner },
    type: 'event_callback',
    event_id: `Ev${id}`,
    event_time: Math.floor(now.getTime() / 1000),
    is_ext_shared_channel: false,
  })

export const slack: Sampler = {
  events: {
    app_mention: (occasion) =>
      event(occasion, { type: 'app_mention', text: '<@U0LAN0Z89> is it everything a river should be?' }),
    message: (occasion) =>
      event(occasion, { type: 'message', text: 'Live long and prospect.', channel_type: 'channel' }),
    // https://docs.slack.dev/interactivity/implementing-slash-commands
    slash_command: ({ id }) =>
      String(
        new URLSearchParams({
          team_id: 'T0001',
          team_domain: 'example',
          channel_id: 'C2147483705',
          user_id: 'U2147483697',
          command: '/weather',
          text: '94070',
          response_url: 'https://hooks.slack.example/commands/1234/5678',
          trigger_id: id,
          api_app_id: 'A123456',
        }),
      ),
    // https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    block_actions: ({ id }) => {
      const payload = {
        type: 'block_actions',
        team: { id: 'T9TK3CUKW', domain: 'example' },
        user: { id: 'UA8RXUSPL', username: 'jtorrance' },
        trigger_id: id,
        actions: [{ action_id: 'WaXA', block_id: '=qXel', type: 'button', value: 'click_me_123' }],
      }
      return String(new URLSearchParams({ payload: JSON.stringify(payload) }))
    },
  },
  invent() {
    const secret = randomBytes(16).toString('hex')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { type, now }, { signing_key }) {
    const timestamp = String(Math.floor(now.getTime() / 1000))
    const code = createHmac('sha256', signing_key).update(`v0:${timestamp}:`).update(body).digest('hex')
    return {
      headers: {
        'content-type': FORM_TYPES.has(type) ? 'application/x-www-form-urlencoded' : 'application/json',
        'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
        'x-slack-request-timestamp': timestamp,
        'x-slack-signature': `v0=${code}`,
      },
    }
  },
}
