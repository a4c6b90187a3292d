import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'

/** HMAC-SHA256 of the URL and the body, in base64. Nothing says when it was signed. */
export const square = defineProvider({
  title: 'Square',
  specification: 'https://developer.squareup.com/docs/webhooks/step3validate',
  credentials: z.strictObject({
    secret: z.string().regex(/^\S{8,256}$/, 'must be the signature key of the webhook subscription'),
  }),
  settings: z.strictObject({}),
  forwards: ['x-square-*', 'square-*'],

  verify({ url, headers, body }, { credentials }) {
    // Its predecessor, x-square-signature, is of SHA-1, and Square has withdrawn it.
    const header = soleHeader(headers, 'x-square-hmacsha256-signature')
    if (!header.ok) return header
    const code = decodeSignature(header.value, 'base64')
    if (!code.ok) return code
    const keys = credentials.map(({ secret }) => secret)
    return matchesAny('sha256', keys, [url, body], [code.value])
  },

  identify({ body }) {
    return { id: pickText(body, ['event_id']) ?? null, type: pickText(body, ['type']) ?? null }
  },
})
