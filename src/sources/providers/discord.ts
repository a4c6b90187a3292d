import { z } from '@hono/zod-openapi'
import { concat } from '../../lib/bytes.ts'
import { fromHex } from '../../lib/hash.ts'
import { pickJson, pickText } from '../../lib/json-pick.ts'
import { encodeUtf8 } from '../../lib/utf8.ts'
import { defineProvider } from '../provider.ts'
import { signedByAny } from '../schemes/ed25519.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { checkTime, parseUnix } from '../schemes/timestamp.ts'

/** What people do with an app, by the number that Discord gives it. */
const INTERACTIONS = new Map([
  [2, 'APPLICATION_COMMAND'],
  [3, 'MESSAGE_COMPONENT'],
  [4, 'APPLICATION_COMMAND_AUTOCOMPLETE'],
  [5, 'MODAL_SUBMIT'],
])

const JSON_TYPE = { 'content-type': 'application/json' }

/**
 * Ed25519 over timestamp and body, for webhook events as for interactions. An event has no id, but says to the microsecond
 * when it was; an interaction has one.
 */
export const discord = defineProvider({
  title: 'Discord',
  specification:
    'https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint-validating-security-request-headers',
  credentials: z.strictObject({
    public_key: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, 'must be the public key of the application, 64 hexadecimal digits'),
  }),
  settings: z.strictObject({}),
  forwards: ['x-signature-ed25519', 'x-signature-timestamp'],
  answer: { status: 204, headers: JSON_TYPE, body: '' },

  async verify({ headers, body }, { credentials, ...clock }) {
    const header = soleHeader(headers, 'x-signature-ed25519')
    if (!header.ok) return header
    const timestamp = soleHeader(headers, 'x-signature-timestamp')
    if (!timestamp.ok) return timestamp
    const signature = decodeSignature(header.value, 'hex')
    if (!signature.ok) return signature
    const signed_at = parseUnix(timestamp.value, 's')
    if (!signed_at.ok) return signed_at
    const keys = credentials.map(({ public_key }) => fromHex(public_key)).flatMap((key) => (key.ok ? [key.value] : []))
    const verdict = await signedByAny(keys, concat([encodeUtf8(timestamp.value), body]), [signature.value])
    return verdict.ok ? checkTime(signed_at.value, clock) : verdict
  },

  identify({ body }) {
    const event = pickText(body, ['event', 'type'])
    if (event !== undefined) return { id: null, type: event }
    const number = pickJson(body, ['type'])
    const type = typeof number === 'number' ? INTERACTIONS.get(number) : undefined
    return { id: pickText(body, ['id']) ?? null, type: type ?? null }
  },

  // Two kinds of URL, and each says "ping" in its own way: 0 where events would be 1, and 1 where interactions begin with 2.
  reply({ body }) {
    const type = pickJson(body, ['type'])
    if (type === 0) return { status: 204, headers: JSON_TYPE, body: '' }
    const is_event = pickText(body, ['event', 'type']) !== undefined
    return type === 1 && !is_event ? { status: 200, headers: JSON_TYPE, body: '{"type":1}' } : null
  },
})
