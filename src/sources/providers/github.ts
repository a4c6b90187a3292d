import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { defineProvider } from '../provider.ts'
import { refuse } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'

const PREFIX = 'sha256='

/** HMAC-SHA256 of the body, in hexadecimal. Nothing says when it was signed; its id stands in a header that is not signed. */
export const github = defineProvider({
  title: 'GitHub',
  specification: 'https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['x-github-*', 'x-hub-signature', 'x-hub-signature-256'],
  invent: (random) => ({ secret: toHex(random(32)) }),

  verify({ headers, body }, { credentials }) {
    const header = soleHeader(headers, 'x-hub-signature-256')
    if (!header.ok) return header
    if (!header.value.startsWith(PREFIX)) return refuse('malformed_signature')
    const code = decodeSignature(header.value.slice(PREFIX.length), 'hex')
    if (!code.ok) return code
    const keys = credentials.map(({ secret }) => secret)
    return matchesAny('sha256', keys, [body], [code.value])
  },

  identify({ headers }) {
    return { id: headers.get('x-github-delivery'), type: headers.get('x-github-event') }
  },
})
