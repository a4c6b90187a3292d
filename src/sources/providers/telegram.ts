import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { pickNames, pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { soleHeader } from '../schemes/header.ts'
import { checkSecret } from '../schemes/token.ts'

/** The id, and what it is: Telegram never has more of them at once. */
const MEMBERS_MAX = 8

/** The token that was given to `setWebhook`, in a header. Nothing is signed, neither body nor time. */
export const telegram = defineProvider({
  title: 'Telegram',
  specification: 'https://core.telegram.org/bots/api#setwebhook',
  credentials: z.strictObject({
    secret_token: z.string().regex(/^[A-Za-z0-9_-]{16,256}$/, 'must be 16–256 of A–Z, a–z, 0–9, _ and -'),
  }),
  settings: z.strictObject({}),
  // The header is the token itself: who has it can send updates.
  forwards: [],
  invent: (random) => ({ secret_token: toHex(random(32)) }),

  verify({ headers }, { credentials }) {
    const token = soleHeader(headers, 'x-telegram-bot-api-secret-token')
    if (!token.ok) return token
    const tokens = credentials.map(({ secret_token }) => secret_token)
    return checkSecret(token.value, tokens)
  },

  identify({ body }) {
    const kind = pickNames(body, MEMBERS_MAX).find((name) => name !== 'update_id')
    return { id: pickText(body, ['update_id']) ?? null, type: kind ?? null }
  },
})
