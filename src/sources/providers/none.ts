import { z } from '@hono/zod-openapi'
import { ok } from '../../lib/result.ts'
import { defineProvider } from '../provider.ts'
import { identifyBy, selectedHeaders, selectors } from '../schemes/selectors.ts'

/** Believes everything. All that keeps others out is that they do not know the URL, and addresses that the source allows. */
export const none = defineProvider({
  title: 'Nothing',
  specification: 'https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/',
  credentials: z.strictObject({}),
  settings: z.strictObject(selectors),
  forwards: [],
  alsoForwards: selectedHeaders,
  verify: () => ok(undefined),
  identify: identifyBy,
})
