import { randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const user = { id: 1111111, is_bot: false, first_name: 'Test', username: 'Test' }
const chat = { id: 1111111, type: 'private', first_name: 'Test', username: 'Test' }

/** https://core.telegram.org/bots/webhooks#testing-your-bot-with-updates */
const update = ({ type, id }: Occasion, content: Record<string, unknown>) =>
  JSON.stringify({ update_id: Number.parseInt(id.replaceAll('-', '').slice(-12), 16), [type]: content })

const dateOf = ({ now }: Occasion) => Math.floor(now.getTime() / 1000)

export const telegram: Sampler = {
  events: {
    message: (occasion) =>
      update(occasion, { date: dateOf(occasion), chat, message_id: 1365, from: user, text: '/start' }),
    edited_message: (occasion) =>
      update(occasion, { date: dateOf(occasion), edit_date: dateOf(occasion), chat, message_id: 1365, text: 'Edited' }),
    callback_query: (occasion) =>
      update(occasion, { id: '4382bfdwdsb323b2d9', from: user, data: 'Data from button callback' }),
  },
  invent() {
    const secret_token = randomBytes(32).toString('hex')
    return { signing_key: secret_token, credentials: { secret_token } }
  },
  sign: (_body, _occasion, { signing_key }) => ({
    headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': signing_key },
  }),
}
