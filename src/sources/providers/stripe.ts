import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { ok, type Result } from '../../lib/result.ts'
import { defineProvider } from '../provider.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'
import { checkTime, parseUnix } from '../schemes/timestamp.ts'

/** Scheme `v1`: HMAC-SHA256 of `{timestamp}.{body}`, in hexadecimal, keyed with the secret as it is written. */
export const stripe = defineProvider({
  title: 'Stripe',
  specification: 'https://docs.stripe.com/webhooks/signature',
  credentials: z.strictObject({
    secret: z.string().regex(/^whsec_\S{8,250}$/, 'must be the signing secret of the endpoint, whsec_…'),
  }),
  settings: z.strictObject({}),
  forwards: ['stripe-signature'],

  verify({ headers, body }, { credentials, ...clock }) {
    const header = soleHeader(headers, 'stripe-signature')
    if (!header.ok) return header
    const signature = parseSignature(header.value)
    if (!signature.ok) return signature
    const { timestamp, codes } = signature.value
    const signed_at = parseUnix(timestamp, 's')
    if (!signed_at.ok) return signed_at
    const keys = credentials.map(({ secret }) => secret)
    const verdict = matchesAny('sha256', keys, [`${timestamp}.`, body], codes)
    return verdict.ok ? checkTime(signed_at.value, clock) : verdict
  },

  identify({ body }) {
    return { id: pickText(body, ['id']) ?? null, type: pickText(body, ['type']) ?? null }
  },
})

/** `t=1492774577,v1=…,v1=…,v0=…`: a second `v1` while a secret is rolled; other schemes are not looked at. */
function parseSignature(header: string): Result<{ timestamp: string; codes: Uint8Array[] }, Refusal> {
  const parts = header.split(',').map((part) => part.split('=', 2))
  const valuesOf = (name: string) => parts.flatMap(([key, value = '']) => (key === name ? [value] : []))
  const [timestamp, ...more] = valuesOf('t')
  const codes = valuesOf('v1').map((code) => decodeSignature(code, 'hex'))
  if (timestamp === undefined || more.length > 0 || codes.length === 0) return refuse('malformed_signature')
  const decoded = codes.flatMap((code) => (code.ok ? [code.value] : []))
  return decoded.length === codes.length ? ok({ timestamp, codes: decoded }) : refuse('malformed_signature')
}
