import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { type BodyHmac, verifyBody } from '../schemes/body-hmac.ts'
import { checkTime, parseUnix } from '../schemes/timestamp.ts'

const SCHEME: BodyHmac = { header: 'linear-signature', algorithm: 'sha256', encoding: 'hex' }

/** When it was sent stands in the body, in milliseconds; `Linear-Timestamp` says it too, and is not signed. */
export const linear = defineProvider({
  title: 'Linear',
  specification: 'https://linear.app/developers/webhooks#securing-webhooks',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  // It tries again up to seven hours later, and others report that it then sends what it has signed at first.
  tolerance_s: 8 * 60 * 60,
  forwards: ['linear-delivery', 'linear-event', 'linear-signature', 'linear-timestamp'],

  verify(request, { credentials, ...clock }) {
    const keys = credentials.map(({ secret }) => secret)
    const verdict = verifyBody(request, keys, SCHEME)
    if (!verdict.ok) return verdict
    const sent_at = parseUnix(pickText(request.body, ['webhookTimestamp']) ?? '', 'ms')
    return sent_at.ok ? checkTime(sent_at.value, clock) : sent_at
  },

  /** `Issue` and `create` make `Issue.create`. */
  identify({ headers, body }) {
    const names = [pickText(body, ['type']), pickText(body, ['action'])].filter((name) => name !== undefined)
    return { id: headers.get('linear-delivery'), type: names.length === 0 ? null : names.join('.') }
  },
})
