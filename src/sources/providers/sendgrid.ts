import { createPublicKey, createVerify, type KeyObject } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { fromBase64, toHex } from '../../lib/hash.ts'
import { ok, type Result } from '../../lib/result.ts'
import { defineProvider } from '../provider.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { checkTime, parseUnix } from '../schemes/timestamp.ts'

const SIGNATURE = 'x-twilio-email-event-webhook-signature'
const TIMESTAMP = 'x-twilio-email-event-webhook-timestamp'

/** What the DER of every P-256 key begins with, up to its point (RFC 5480, section 2). */
const P256_PREFIX = '3059301306072a8648ce3d020106082a8648ce3d03010703420004'
const P256_BYTES = 91

/** ECDSA with P-256 and SHA-256 over `{timestamp}{body}`, as DER in base64. */
export const sendgrid = defineProvider({
  title: 'SendGrid',
  specification:
    'https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features',
  credentials: z.strictObject({
    public_key: z.string().max(256).refine(isP256, 'must be the verification key as SendGrid shows it, base64'),
  }),
  settings: z.strictObject({}),
  // It tries again for as long, and does not say whether it then signs anew.
  tolerance_s: 24 * 60 * 60,
  forwards: [SIGNATURE, TIMESTAMP],

  verify({ headers, body }, { credentials, ...clock }) {
    const signature = readSignature(headers)
    if (!signature.ok) return signature
    const { code, timestamp, signed_at } = signature.value
    const verified = credentials.map(({ public_key }) => {
      const key = keyOf(public_key)
      return key !== null && isSigned(key, [timestamp, body], code)
    })
    return verified.includes(true) ? checkTime(signed_at, clock) : refuse('signature_mismatch')
  },

  // A request holds what happened within seconds, of any type. One type for all of them, since a request named for the
  // first event would hide the others from who has subscribed to theirs.
  identify: () => ({ id: null, type: 'batch' }),
})

function readSignature(headers: Headers): Result<{ code: Uint8Array; timestamp: string; signed_at: number }, Refusal> {
  const header = soleHeader(headers, SIGNATURE)
  if (!header.ok) return header
  const timestamp = soleHeader(headers, TIMESTAMP)
  if (!timestamp.ok) return timestamp
  const code = decodeSignature(header.value, 'base64')
  if (!code.ok) return code
  const signed_at = parseUnix(timestamp.value, 's')
  return signed_at.ok ? ok({ code: code.value, timestamp: timestamp.value, signed_at: signed_at.value }) : signed_at
}

function isP256(text: string): boolean {
  const der = fromBase64(text)
  return der.ok && der.value.length === P256_BYTES && toHex(der.value).startsWith(P256_PREFIX) && keyOf(text) !== null
}

/** Null for a point that is not on the curve. */
function keyOf(public_key: string): KeyObject | null {
  try {
    return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${public_key}\n-----END PUBLIC KEY-----`)
  } catch {
    return null
  }
}

function isSigned(key: KeyObject, parts: readonly (string | Uint8Array)[], code: Uint8Array): boolean {
  const verifier = createVerify('SHA256')
  for (const part of parts) verifier.update(part)
  try {
    return verifier.verify(key, code)
  } catch {
    // What is no DER.
    return false
  }
}
