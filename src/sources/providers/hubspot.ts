import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { EACH, pickAll, pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'
import { checkTime, parseUnix } from '../schemes/timestamp.ts'

/**
 * Version 3: HMAC-SHA256 of method, URL, body and timestamp, in base64. HubSpot sends versions 1 and 2 beside it; they are
 * hashes, no HMAC, and never grow old, so they prove nothing here.
 */
export const hubspot = defineProvider({
  title: 'HubSpot',
  specification:
    'https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation',
  credentials: z.strictObject({
    secret: z.string().regex(/^\S{8,256}$/, 'must be the client secret of the app'),
  }),
  settings: z.strictObject({}),
  forwards: ['x-hubspot-signature-v3', 'x-hubspot-request-timestamp'],

  verify({ method, url, headers, body }, { credentials, ...clock }) {
    const header = soleHeader(headers, 'x-hubspot-signature-v3')
    if (!header.ok) return header
    const timestamp = soleHeader(headers, 'x-hubspot-request-timestamp')
    if (!timestamp.ok) return timestamp
    const code = decodeSignature(header.value, 'base64')
    if (!code.ok) return code
    const signed_at = parseUnix(timestamp.value, 'ms')
    if (!signed_at.ok) return signed_at
    const keys = credentials.map(({ secret }) => secret)
    const parts = [method, decodeSome(url), body, timestamp.value]
    const verdict = matchesAny('sha256', keys, parts, [code.value])
    return verdict.ok ? checkTime(signed_at.value, clock) : verdict
  },

  identify({ body }) {
    return { id: body.length <= BATCH_BYTES_MAX ? idOf(body) : null, type: typeOf(body) }
  },
})

/** The characters that HubSpot's documentation has in its table: all others are signed as they are written in the URL. */
const DECODED = /%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi

function decodeSome(url: string): string {
  return url.replace(DECODED, decodeURIComponent)
}

/** A hundred events of 10 KiB: HubSpot sends no more, and this is made a text of. */
const BATCH_BYTES_MAX = 1024 * 1024
/** HubSpot sends a hundred. */
const EVENTS_MAX = 1000

const ATTEMPT_NUMBER = /("attemptNumber"\s*:\s*)\d+/g
const utf8 = new TextDecoder()

/**
 * A request is a batch and has no id, an `eventId` is "not guaranteed to be unique", and when a batch is sent again, each of
 * its events says so: without that it is the same. What is quoted cannot look like a name: its quotes would be escaped.
 */
function idOf(body: Uint8Array): string {
  const text = utf8.decode(body).replace(ATTEMPT_NUMBER, '$1')
  return toHex(createHash('sha256').update(text).digest())
}

/** What all events of the batch are. */
function typeOf(body: Uint8Array): string | null {
  const types = new Set(pickAll(body, [EACH, 'subscriptionType'], EVENTS_MAX) ?? [])
  const [type = pickText(body, ['subscriptionType'])] = types
  if (types.size > 1) return 'mixed'
  return typeof type === 'string' ? type : null
}
