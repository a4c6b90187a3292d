import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { refuse } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'

const PREFIX = 'sha1='

/** HMAC-SHA1 of the body, in hexadecimal: Intercom offers nothing else. Nothing says when it was signed. */
export const intercom = defineProvider({
  title: 'Intercom',
  specification: 'https://developers.intercom.com/docs/webhooks/setting-up-webhooks',
  credentials: z.strictObject({
    secret: z.string().regex(/^\S{8,256}$/, 'must be the client secret of the app'),
  }),
  settings: z.strictObject({}),
  forwards: ['x-hub-signature'],

  verify({ headers, body }, { credentials }) {
    const header = soleHeader(headers, 'x-hub-signature')
    if (!header.ok) return header
    if (!header.value.startsWith(PREFIX)) return refuse('malformed_signature')
    const code = decodeSignature(header.value.slice(PREFIX.length), 'hex')
    if (!code.ok) return code
    const keys = credentials.map(({ secret }) => secret)
    return matchesAny('sha1', keys, [body], [code.value])
  },

  identify({ body }) {
    return { id: pickText(body, ['id']) ?? null, type: pickText(body, ['topic']) ?? null }
  },

  // Asked before a URL may be saved, to see that somebody is there.
  greet({ method }) {
    return method === 'HEAD' ? { status: 200, body: '' } : null
  },
})
