import { z } from '@hono/zod-openapi'
import { EACH, pickAll, pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { verifyObject } from '../schemes/body-hmac.ts'
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
    // The app secret signs what the users of an app get as `signed_request`.
    return verifyObject(request, keys, {
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

/** What all of it is of, `mixed` when that differs: named for the first, the others would not be looked for there. */
function fieldOf(body: Uint8Array): string | null {
  const valuesOf = (list: string, ...path: string[]) =>
    (pickAll(body, ['entry', EACH, list, EACH, ...path], CHANGES_MAX) ?? []).filter((value) => value !== undefined)
  // Messages of Messenger and Instagram are in lists of their own, and each has a recipient: who sent it may be unknown.
  const lists = ['messaging', 'standby'].filter((list) => valuesOf(list, 'recipient', 'id').length > 0)
  const [field, ...more] = new Set([...valuesOf('changes', 'field'), ...lists])
  if (more.length > 0) return 'mixed'
  return typeof field === 'string' ? field : null
}
