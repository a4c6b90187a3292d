import { crc32 } from 'node:zlib'
import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { refuse } from '../refusal.ts'
import { findCertificate, pinnedCertificate, verifyRsa } from '../schemes/certificate.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeaders } from '../schemes/header.ts'
import { checkTime, parseRfc3339 } from '../schemes/timestamp.ts'

const HEADERS = [
  'paypal-transmission-id',
  'paypal-transmission-time',
  'paypal-transmission-sig',
  'paypal-cert-url',
  'paypal-auth-algo',
] as const

const CERTIFICATES = /^https:\/\/api(?:-m)?(?:\.sandbox)?\.paypal\.com\/v1\/notifications\/certs\/CERT-[\w-]{1,100}$/

/** What PayPal's own SDK for Java looks for (SSLUtil, "CN of client certificate"). */
const ISSUED_TO = /^messageverificationcerts(?:\.[a-z0-9-]+)*\.paypal\.com$/

/**
 * RSA and SHA-256 over `{transmission id}|{time}|{webhook id}|{CRC-32 of the body}`, with a certificate that a header names.
 * The id of the webhook is what makes it this source's: PayPal signs for everybody with the same key.
 */
export const paypal = defineProvider({
  title: 'PayPal',
  specification: 'https://developer.paypal.com/api/rest/webhooks/rest/#link-messageverification',
  credentials: z.strictObject({}),
  settings: z.strictObject({
    webhook_id: z.string().regex(/^[A-Za-z0-9_]{1,50}$/, 'must be the ID of the webhook, as PayPal shows it'),
    certificate: pinnedCertificate.optional(),
  }),
  // It tries again for three days, as the same transmission of the same time.
  tolerance_s: 3 * 24 * 60 * 60,
  forwards: ['paypal-*'],

  async verify({ headers, body }, { settings, ...given }) {
    const sent = soleHeaders(headers, HEADERS)
    if (!sent.ok) return sent
    const { 'paypal-transmission-id': id, 'paypal-transmission-time': time, 'paypal-cert-url': url } = sent.value
    if (sent.value['paypal-auth-algo'].toLowerCase() !== 'sha256withrsa') return refuse('malformed_signature')
    const signature = decodeSignature(sent.value['paypal-transmission-sig'], 'base64')
    if (!signature.ok) return signature
    const sent_at = parseRfc3339(time)
    if (!sent_at.ok) return sent_at
    const pinned = settings.certificate
    const certificate = await findCertificate({ pinned, url, at: CERTIFICATES, issued_to: ISSUED_TO }, given)
    if (!certificate.ok) return certificate
    const content = [id, time, settings.webhook_id, crc32(body)].join('|')
    const verdict = verifyRsa('sha256', certificate.value, [content], signature.value)
    return verdict.ok ? checkTime(sent_at.value, given) : verdict
  },

  // Not the body's own id: the checksum of another body is easily the same, and each signature is to be good for one event.
  identify({ headers, body }) {
    return { id: headers.get('paypal-transmission-id'), type: pickText(body, ['event_type']) ?? null }
  },
})
