import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { defineProvider } from '../provider.ts'
import { identifyBy, selectedHeaders, selectors } from '../schemes/selectors.ts'
import { checkSecret, schemeValue, sharedToken } from '../schemes/token.ts'

/** A token behind `Authorization: Bearer`. Nothing is signed: whoever has seen one request can make another. */
export const bearer = defineProvider({
  title: 'Bearer token',
  specification: 'https://www.rfc-editor.org/rfc/rfc6750#section-2.1',
  credentials: z.strictObject({ token: sharedToken }),
  settings: z.strictObject(selectors),
  forwards: [],
  alsoForwards: selectedHeaders,
  invent: (random) => ({ token: toHex(random(32)) }),

  verify({ headers }, { credentials }) {
    const shown = schemeValue(headers, 'authorization', 'bearer')
    if (!shown.ok) return shown
    const tokens = credentials.map(({ token }) => token)
    return checkSecret(shown.value, tokens)
  },

  identify: identifyBy,
})
