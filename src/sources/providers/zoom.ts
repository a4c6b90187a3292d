import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider, type InboundRequest } from '../provider.ts'
import { hmac } from '../schemes/hmac.ts'
import { verifyV0 } from '../schemes/v0.ts'

const HEADERS = { signature: 'x-zm-signature', timestamp: 'x-zm-request-timestamp' }

/** The scheme that Slack calls `v0`. Events have no id; `event_ts` in the body is the same when one is sent again. */
export const zoom = defineProvider({
  title: 'Zoom',
  specification: 'https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events',
  credentials: z.strictObject({
    secret: z.string().regex(/^\S{8,256}$/, 'must be the secret token of the app'),
  }),
  settings: z.strictObject({}),
  // It tries again up to 85 minutes later, and does not say whether it then signs anew.
  tolerance_s: 100 * 60,
  forwards: ['x-zm-*'],

  verify(request, { credentials, ...clock }) {
    const secrets = credentials.map(({ secret }) => secret)
    return verifyV0(request, HEADERS, secrets, clock)
  },

  identify({ body }) {
    return { id: null, type: pickText(body, ['event']) ?? null }
  },

  reply(request, { credentials, ...clock }) {
    const plain_token = questionOf(request)
    if (plain_token === undefined) return null
    // While secrets overlap, Zoom knows one of them, and that is the one it has signed this with.
    const known = credentials.find(({ secret }) => verifyV0(request, HEADERS, [secret], clock).ok) ?? credentials[0]
    if (known === undefined) return null
    const encrypted_token = toHex(hmac('sha256', known.secret, [plain_token]))
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ plainToken: plain_token, encryptedToken: encrypted_token }),
    }
  },
})

/** Asked when a URL is entered, and every 72 hours from then on. */
function questionOf({ body }: InboundRequest): string | undefined {
  if (pickText(body, ['event']) !== 'endpoint.url_validation') return undefined
  const plain_token = pickText(body, ['payload', 'plainToken'])
  // The answer is made with the key that events are signed with: of `v0:…` it would be the signature of an event.
  return plain_token?.includes(':') ? undefined : plain_token
}
