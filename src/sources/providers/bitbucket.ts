import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { defineProvider } from '../provider.ts'
import { type BodyHmac, verifyBody } from '../schemes/body-hmac.ts'

const SCHEME: BodyHmac = { header: 'x-hub-signature', prefix: 'sha256=', algorithm: 'sha256', encoding: 'hex' }

/**
 * Bitbucket Cloud, and Bitbucket Data Center, which signs alike and names its requests otherwise. Nothing says when it was
 * signed; a request keeps its UUID over its up to three attempts.
 */
export const bitbucket = defineProvider({
  title: 'Bitbucket',
  specification: 'https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/#Secure-webhooks',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['x-attempt-number', 'x-event-key', 'x-hook-uuid', 'x-hub-signature', 'x-request-id', 'x-request-uuid'],
  invent: (random) => ({ secret: toHex(random(32)) }),

  verify(request, { credentials }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyBody(request, keys, SCHEME)
  },

  identify({ headers }) {
    return { id: headers.get('x-request-uuid') ?? headers.get('x-request-id'), type: headers.get('x-event-key') }
  },
})
