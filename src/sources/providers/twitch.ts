import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { pickText } from '../../lib/json-pick.ts'
import { ok, type Result } from '../../lib/result.ts'
import { defineProvider } from '../provider.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { echo } from '../schemes/echo.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'
import { checkTime, parseRfc3339 } from '../schemes/timestamp.ts'

const PREFIX = 'sha256='
const ID = 'twitch-eventsub-message-id'
/** Nothing stands between id, timestamp and body: an id with a time in it could be cut elsewhere, at a time inside of the body. */
const ID_FORM = /^[\w=+/-]{1,256}$/
const KIND = 'twitch-eventsub-message-type'

/** EventSub: HMAC-SHA256 of `{id}{timestamp}{body}`, in hexadecimal. What kind of message it is stands in a header that is not signed. */
export const twitch = defineProvider({
  title: 'Twitch',
  specification: 'https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#verifying-the-event-message',
  credentials: z.strictObject({ secret: z.string().regex(/^[\x20-\x7e]{10,100}$/, 'must be 10–100 ASCII characters') }),
  settings: z.strictObject({}),
  // As its documentation has it.
  tolerance_s: 600,
  forwards: ['twitch-eventsub-*'],
  invent: (random) => ({ secret: toHex(random(32)) }),

  verify({ headers, body }, { credentials, ...clock }) {
    const signature = readSignature(headers)
    if (!signature.ok) return signature
    const { code, id, timestamp } = signature.value
    const signed_at = parseRfc3339(timestamp)
    if (!signed_at.ok) return signed_at
    const keys = credentials.map(({ secret }) => secret)
    const verdict = matchesAny('sha256', keys, [id, timestamp, body], [code])
    return verdict.ok ? checkTime(signed_at.value, clock) : verdict
  },

  identify({ headers, body }) {
    const is_revocation = headers.get(KIND) === 'revocation'
    return {
      id: headers.get(ID),
      type: is_revocation ? 'revocation' : (pickText(body, ['subscription', 'type']) ?? null),
    }
  },

  reply({ headers, body }) {
    if (headers.get(KIND) !== 'webhook_callback_verification') return null
    const challenge = pickText(body, ['challenge'])
    return challenge === undefined ? null : echo(challenge)
  },
})

function readSignature(headers: Headers): Result<{ code: Uint8Array; id: string; timestamp: string }, Refusal> {
  const header = soleHeader(headers, 'twitch-eventsub-message-signature')
  if (!header.ok) return header
  const id = soleHeader(headers, ID)
  if (!id.ok) return id
  const timestamp = soleHeader(headers, 'twitch-eventsub-message-timestamp')
  if (!timestamp.ok) return timestamp
  if (!ID_FORM.test(id.value) || !header.value.startsWith(PREFIX)) return refuse('malformed_signature')
  const code = decodeSignature(header.value.slice(PREFIX.length), 'hex')
  return code.ok ? ok({ code: code.value, id: id.value, timestamp: timestamp.value }) : code
}
