import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { refuse } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { matchesAny } from '../schemes/hmac.ts'
import { checkTime } from '../schemes/timestamp.ts'

/** Nothing stands between it and the token, so of another length it would take some of its digits. Until the year 2286. */
const TIMESTAMP = /^\d{10}$/

/**
 * HMAC-SHA256 of `{timestamp}{token}`, in hexadecimal, all three inside of the body. The event beside them is not signed:
 * who has seen one request can send any event with its signature. So its token is its id, and each is good for one event.
 */
export const mailgun = defineProvider({
  title: 'Mailgun',
  specification: 'https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks',
  credentials: z.strictObject({ signing_key: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: [],
  // It sends again what it has signed once, for eight hours.
  tolerance_s: 8 * 60 * 60,

  verify({ body }, { credentials, ...clock }) {
    const [timestamp, token, signature] = ['timestamp', 'token', 'signature'].map((name) =>
      pickText(body, ['signature', name]),
    )
    if (timestamp === undefined || token === undefined || signature === undefined) return refuse('missing_signature')
    if (!TIMESTAMP.test(timestamp)) return refuse('malformed_timestamp')
    // Of a subaccount's event: made with the key of the account above it.
    const by_parent = pickText(body, ['signature', 'parent-signature'])
    const codes = [signature, ...(by_parent === undefined ? [] : [by_parent])].map((code) =>
      decodeSignature(code, 'hex'),
    )
    const decoded = codes.flatMap((code) => (code.ok ? [code.value] : []))
    if (decoded.length < codes.length) return refuse('malformed_signature')
    const keys = credentials.map(({ signing_key }) => signing_key)
    const verdict = matchesAny('sha256', keys, [timestamp, token], decoded)
    return verdict.ok ? checkTime(Number(timestamp) * 1000, clock) : verdict
  },

  identify({ body }) {
    return {
      id: pickText(body, ['signature', 'token']) ?? null,
      type: pickText(body, ['event-data', 'event']) ?? null,
    }
  },
})
