import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { type BodyHmac, verifyBody } from '../schemes/body-hmac.ts'

const SCHEME: BodyHmac = {
  header: 'typeform-signature',
  prefix: 'sha256=',
  algorithm: 'sha256',
  encoding: 'base64',
}

/** Id and type are in the body, which is signed. */
export const typeform = defineProvider({
  title: 'Typeform',
  specification: 'https://www.typeform.com/developers/webhooks/secure-your-webhooks/',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['typeform-signature'],
  invent: (random) => ({ secret: toHex(random(20)) }),

  verify(request, { credentials }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyBody(request, keys, SCHEME)
  },

  identify({ body }) {
    return { id: pickText(body, ['event_id']) ?? null, type: pickText(body, ['event_type']) ?? null }
  },
})
