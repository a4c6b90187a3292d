import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { type BodyHmac, verifyBody } from '../schemes/body-hmac.ts'

const SCHEME: BodyHmac = { header: 'sentry-hook-signature', algorithm: 'sha256', encoding: 'hex' }

/**
 * Keyed with the client secret of the integration. `Sentry-Hook-Timestamp` is not signed, so it is not looked at; neither is
 * `Request-ID`, and a repetition after a timeout has another one. Two events may have the same body, so there is no better id.
 */
export const sentry = defineProvider({
  title: 'Sentry',
  specification: 'https://docs.sentry.io/organization/integrations/integration-platform/webhooks/',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['request-id', 'sentry-hook-resource', 'sentry-hook-signature', 'sentry-hook-timestamp'],

  verify(request, { credentials }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyBody(request, keys, SCHEME)
  },

  /** `issue` and `created` make `issue.created`, as Sentry's own API lists what an integration subscribes to. */
  identify({ headers, body }) {
    const resource = headers.get('sentry-hook-resource')
    const action = pickText(body, ['action'])
    const type = resource !== null && action !== undefined ? `${resource}.${action}` : resource
    return { id: headers.get('request-id'), type }
  },
})
