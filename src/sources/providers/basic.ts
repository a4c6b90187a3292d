import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { defineProvider } from '../provider.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { identifyBy, selectedHeaders, selectors } from '../schemes/selectors.ts'
import { checkSecret, schemeValue } from '../schemes/token.ts'

/** User name and password. Nothing is signed, neither the body nor a time: whoever has seen one request can make another. */
export const basic = defineProvider({
  title: 'Basic authentication',
  specification: 'https://www.rfc-editor.org/rfc/rfc7617',
  credentials: z.strictObject({
    // A colon ends the name (RFC 7617, section 2).
    username: z.string().regex(/^[^:\p{Cc}]{1,256}$/u, 'must not have a colon or control characters'),
    password: z.string().regex(/^\P{Cc}{8,256}$/u, 'must be 8 to 256 characters, no control characters'),
  }),
  settings: z.strictObject(selectors),
  forwards: [],
  alsoForwards: selectedHeaders,
  invent: (random) => ({ username: 'postern', password: toHex(random(24)) }),

  verify({ headers }, { credentials }) {
    const value = schemeValue(headers, 'authorization', 'basic')
    if (!value.ok) return value
    const shown = decodeSignature(value.value, 'base64')
    if (!shown.ok) return shown
    const expected = credentials.map(({ username, password }) => `${username}:${password}`)
    return checkSecret(shown.value, expected)
  },

  identify: identifyBy,
})
