import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { verifyBody } from '../schemes/body-hmac.ts'

/** HMAC-SHA1 of the body, in hexadecimal: Intercom offers nothing else. Nothing says when it was signed. */
export const intercom = defineProvider({
  title: 'Intercom',
  specification: 'https://developers.intercom.com/docs/webhooks/setting-up-webhooks',
  credentials: z.strictObject({
    secret: z.string().regex(/^\S{8,256}$/, 'must be the client secret of the app'),
  }),
  settings: z.strictObject({}),
  forwards: ['x-hub-signature'],

  verify(request, { credentials }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyBody(request, keys, { header: 'x-hub-signature', prefix: 'sha1=', algorithm: 'sha1', encoding: 'hex' })
  },

  identify({ body }) {
    return { id: pickText(body, ['id']) ?? null, type: pickText(body, ['topic']) ?? null }
  },

  // Asked before a URL may be saved, to see that somebody is there.
  greet({ method }) {
    return method === 'HEAD' ? { status: 200, body: '' } : null
  },
})
