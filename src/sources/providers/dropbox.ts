import { z } from '@hono/zod-openapi'
import { pickNames } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { echo, soleParameter } from '../schemes/echo.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'

/** HMAC-SHA256 of the body, in hexadecimal. It says whose files have changed: neither what, nor when, nor which event it is. */
export const dropbox = defineProvider({
  title: 'Dropbox',
  specification: 'https://www.dropbox.com/developers/reference/webhooks',
  credentials: z.strictObject({ app_secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['x-dropbox-signature'],

  verify({ headers, body }, { credentials }) {
    const header = soleHeader(headers, 'x-dropbox-signature')
    if (!header.ok) return header
    const code = decodeSignature(header.value, 'hex')
    if (!code.ok) return code
    const keys = credentials.map(({ app_secret }) => app_secret)
    return matchesAny('sha256', keys, [body], [code.value])
  },

  // Whenever files of the same account change, the body is the same.
  identify: ({ body }) => ({ id: null, type: pickNames(body, 1)[0] ?? null, may_look_alike: true }),

  greet({ method, url }) {
    const challenge = method === 'GET' ? soleParameter(url, 'challenge') : null
    return challenge === null ? null : echo(challenge)
  },
})
