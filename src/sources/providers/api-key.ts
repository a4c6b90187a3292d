import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { defineProvider } from '../provider.ts'
import { headerName, soleHeader } from '../schemes/header.ts'
import { identifyBy, selectedHeaders, selectors } from '../schemes/selectors.ts'
import { checkSecret, sharedToken } from '../schemes/token.ts'

/** A key in a header of its own. Nothing is signed: whoever has seen one request can make another. */
export const api_key = defineProvider({
  title: 'API key in a header',
  specification: 'https://spec.openapis.org/oas/v3.1.0#security-scheme-object',
  credentials: z.strictObject({ key: sharedToken }),
  settings: z
    .strictObject({ ...selectors, header: headerName.default('x-api-key') })
    .refine(({ header, ...selected }) => !selectedHeaders(selected).includes(header), {
      message: 'the header of the key cannot say what an event is: it is shown to nobody',
    }),
  forwards: [],
  alsoForwards: selectedHeaders,
  invent: (random) => ({ key: toHex(random(32)) }),

  verify({ headers }, { credentials, settings }) {
    const shown = soleHeader(headers, settings.header)
    if (!shown.ok) return shown
    const keys = credentials.map(({ key }) => key)
    return checkSecret(shown.value, keys)
  },

  identify: identifyBy,
})
