import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { ok, type Result } from '../../lib/result.ts'
import { defineProvider } from '../provider.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'

const HEADER = 'x-docusign-signature-'

/** An account has no more keys. */
const SIGNATURES_MAX = 100

/** Connect: HMAC-SHA256 of the body, in base64, once with each key of the account. Nothing says when it was signed. */
export const docusign = defineProvider({
  title: 'DocuSign',
  specification: 'https://developers.docusign.com/platform/webhooks/connect/validate/',
  // Base64 to look at, but the key is the text (https://developers.docusign.com/platform/webhooks/connect/hmac/).
  credentials: z.strictObject({ hmac_key: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['x-docusign-*'],

  verify({ headers, body }, { credentials }) {
    const codes = readSignatures(headers)
    if (!codes.ok) return codes
    const keys = credentials.map(({ hmac_key }) => hmac_key)
    return matchesAny('sha256', keys, [body], codes.value)
  },

  // It has no id, and the body of a repeat counts its repeats. What happened to whom, and when, is the same.
  identify({ body }) {
    const event = pickText(body, ['event'])
    const at = pickText(body, ['generatedDateTime'])
    const [subject, recipient] = ['envelopeId', 'recipientId'].map((name) => pickText(body, ['data', name]))
    if (event === undefined || at === undefined || subject === undefined) return { id: null, type: event ?? null }
    return { id: [event, subject, recipient ?? '', at].join('/'), type: event }
  },
})

/** Numbered from 1, without a gap. */
function readSignatures(headers: Headers): Result<Uint8Array[], Refusal> {
  const codes: Uint8Array[] = []
  for (let n = 1; n <= SIGNATURES_MAX && (n === 1 || headers.has(`${HEADER}${n}`)); n++) {
    const header = soleHeader(headers, `${HEADER}${n}`)
    if (!header.ok) return header
    const code = decodeSignature(header.value, 'base64')
    if (!code.ok) return code
    codes.push(code.value)
  }
  return codes.length > 0 ? ok(codes) : refuse('missing_signature')
}
