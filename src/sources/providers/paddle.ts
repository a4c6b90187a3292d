import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { ok, type Result } from '../../lib/result.ts'
import { defineProvider } from '../provider.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'
import { checkTime, parseUnix } from '../schemes/timestamp.ts'

/** HMAC-SHA256 of `{timestamp}:{body}`, in hexadecimal. */
export const paddle = defineProvider({
  title: 'Paddle',
  specification: 'https://developer.paddle.com/webhooks/signature-verification',
  credentials: z.strictObject({
    secret: z.string().regex(/^pdl_ntfset_\S{8,245}$/, 'must be the secret key of the destination, pdl_ntfset_…'),
  }),
  settings: z.strictObject({}),
  forwards: ['paddle-signature'],

  verify({ headers, body }, { credentials, ...clock }) {
    const header = soleHeader(headers, 'paddle-signature')
    if (!header.ok) return header
    const signature = parseSignature(header.value)
    if (!signature.ok) return signature
    const { timestamp, codes } = signature.value
    const signed_at = parseUnix(timestamp, 's')
    if (!signed_at.ok) return signed_at
    const keys = credentials.map(({ secret }) => secret)
    const verdict = matchesAny('sha256', keys, [`${timestamp}:`, body], codes)
    return verdict.ok ? checkTime(signed_at.value, clock) : verdict
  },

  // Not `notification_id`: an event that is replayed from the dashboard gets another one.
  identify({ body }) {
    return { id: pickText(body, ['event_id']) ?? null, type: pickText(body, ['event_type']) ?? null }
  },
})

/** `ts=1671552777;h1=…;h1=…`: more than one `h1` while a secret is rotated. */
function parseSignature(header: string): Result<{ timestamp: string; codes: Uint8Array[] }, Refusal> {
  const parts = header.split(';').map((part) => part.split('=', 2))
  const valuesOf = (name: string) => parts.flatMap(([key, value = '']) => (key === name ? [value] : []))
  const [timestamp, ...more] = valuesOf('ts')
  const codes = valuesOf('h1').map((code) => decodeSignature(code, 'hex'))
  if (timestamp === undefined || more.length > 0 || codes.length === 0) return refuse('malformed_signature')
  const decoded = codes.flatMap((code) => (code.ok ? [code.value] : []))
  return decoded.length === codes.length ? ok({ timestamp, codes: decoded }) : refuse('malformed_signature')
}
