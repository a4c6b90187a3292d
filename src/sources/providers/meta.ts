import { z } from '@hono/zod-openapi'
import { EACH, pickAll, pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { verifyBody } from '../schemes/body-hmac.ts'
import { echo, soleParameter } from '../schemes/echo.ts'
import { isKnownSecret } from '../schemes/token.ts'

/** Meta puts up to 1,000 changes into a request. */
const CHANGES_MAX = 1000

/** WhatsApp, Messenger, Instagram and the Graph API: HMAC-SHA256 of the body, in hexadecimal. Nothing says when it was signed. */
export const meta = defineProvider({
  title: 'Meta (WhatsApp, Messenger, Instagram)',
  specification: 'https://developers.facebook.com/docs/graph-api/webhooks/getting-started',
  credentials: z.strictObject({
    app_secret: z.string().min(8).max(256),
    verify_token: z.string().min(8).max(256),
  }),
  settings: z.strictObject({}),
  forwards: ['x-hub-signature', 'x-hub-signature-256'],

  verify(request, { credentials }) {
    const keys = credentials.map(({ app_secret }) => app_secret)
    return verifyBody(request, keys, {
      header: 'x-hub-signature-256',
      prefix: 'sha256=',
      algorithm: 'sha256',
      encoding: 'hex',
    })
  },

  identify({ body }) {
    const object = pickText(body, ['object'])
    const field = fieldOf(body)
    return { id: null, type: object === undefined || field === null ? (object ?? null) : `${object}.${field}` }
  },

  greet({ method, url }, { credentials }) {
    if (method !== 'GET' || soleParameter(url, 'hub.mode') !== 'subscribe') return null
    const [token, challenge] = ['hub.verify_token', 'hub.challenge'].map((name) => soleParameter(url, name))
    if (typeof token !== 'string' || typeof challenge !== 'string') return null
    const tokens = credentials.map(({ verify_token }) => verify_token)
    return isKnownSecret(token, tokens) ? echo(challenge) : null
  },
})

/** What all changes are of, `mixed` when that differs: named for the first, the others would not be looked for there. */
function fieldOf(body: Uint8Array): string | null {
  const fields = new Set(pickAll(body, ['entry', EACH, 'changes', EACH, 'field'], CHANGES_MAX) ?? [])
  const [field] = fields
  if (fields.size > 1) return 'mixed'
  return typeof field === 'string' ? field : messagingFieldOf(body)
}

/** Messenger and Instagram have messages beside the changes, in a list of their own. */
function messagingFieldOf(body: Uint8Array): string | null {
  const senders = (list: string) => pickAll(body, ['entry', EACH, list, EACH, 'sender', 'id'], CHANGES_MAX) ?? []
  return ['messaging', 'standby'].find((list) => senders(list).some((id) => id !== undefined)) ?? null
}
