import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { defineProvider } from '../provider.ts'
import { type BodyHmac, verifyBody } from '../schemes/body-hmac.ts'

const SCHEME: BodyHmac = {
  header: 'x-hub-signature-256',
  prefix: 'sha256=',
  algorithm: 'sha256',
  encoding: 'hex',
}

/** Nothing says when it was signed; its id stands in a header that is not signed. */
export const github = defineProvider({
  title: 'GitHub',
  specification: 'https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['x-github-*', 'x-hub-signature', 'x-hub-signature-256'],
  invent: (random) => ({ secret: toHex(random(32)) }),

  verify(request, { credentials }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyBody(request, keys, SCHEME)
  },

  identify({ headers }) {
    return { id: headers.get('x-github-delivery'), type: headers.get('x-github-event') }
  },
})
