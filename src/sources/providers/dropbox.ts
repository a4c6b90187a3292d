import { z } from '@hono/zod-openapi'
import { pickNames } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { verifyBody } from '../schemes/body-hmac.ts'
import { echo, soleParameter } from '../schemes/echo.ts'

/** HMAC-SHA256 of the body, in hexadecimal. It says whose files have changed: neither what, nor when, nor which event it is. */
export const dropbox = defineProvider({
  title: 'Dropbox',
  specification: 'https://www.dropbox.com/developers/reference/webhooks',
  credentials: z.strictObject({ app_secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['x-dropbox-signature'],

  verify(request, { credentials }) {
    const keys = credentials.map(({ app_secret }) => app_secret)
    return verifyBody(request, keys, { header: 'x-dropbox-signature', algorithm: 'sha256', encoding: 'hex' })
  },

  // Whenever files of the same account change, the body is the same.
  identify: ({ body }) => ({ id: null, type: pickNames(body, 1)[0] ?? null, may_look_alike: true }),

  greet({ method, url }) {
    const challenge = method === 'GET' ? soleParameter(url, 'challenge') : null
    return challenge === null ? null : echo(challenge)
  },
})
