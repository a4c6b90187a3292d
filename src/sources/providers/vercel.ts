import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { type BodyHmac, verifyBody } from '../schemes/body-hmac.ts'

const SCHEME: BodyHmac = { header: 'x-vercel-signature', algorithm: 'sha1', encoding: 'hex' }

/** HMAC-SHA1: what is known against SHA-1 does not touch it. Id and type are in the body, which is signed. */
export const vercel = defineProvider({
  title: 'Vercel',
  specification: 'https://vercel.com/docs/webhooks/webhooks-api#securing-webhooks',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['x-vercel-signature'],

  verify(request, { credentials }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyBody(request, keys, SCHEME)
  },

  identify({ body }) {
    return { id: pickText(body, ['id']) ?? null, type: pickText(body, ['type']) ?? null }
  },
})
