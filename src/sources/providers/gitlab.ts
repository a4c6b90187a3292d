import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { ok } from '../../lib/result.ts'
import { defineProvider, type InboundRequest } from '../provider.ts'
import { refuse, type Verdict } from '../refusal.ts'
import { soleHeader } from '../schemes/header.ts'
import { parseVerifyingKey, verifyStandardWebhook } from '../schemes/standard-webhooks.ts'
import { isKnownSecret } from '../schemes/token.ts'

const credentials = z
  .strictObject({
    /** Sent as it is: a header holds nothing else. */
    secret_token: z
      .string()
      .regex(/^[\x21-\x7e]{8,255}$/, 'must be 8 to 255 visible ASCII characters without spaces')
      .optional(),
    signing_token: z
      .string()
      .max(256)
      .refine((text) => parseVerifyingKey(text)?.version === 'v1', 'must be a signing token, whsec_…')
      .optional(),
  })
  .refine(
    ({ secret_token, signing_token }) => secret_token !== undefined || signing_token !== undefined,
    'must have a secret_token, a signing_token or both',
  )

/**
 * A secret token, which is sent along and signs nothing; a signing token (Standard Webhooks), in GitLab since 2026; or both.
 * `Idempotency-Key` (GitLab 17.4) is the same on every attempt, and is signed as `webhook-id`. `X-Gitlab-Event-UUID` is no id:
 * all that one event of GitLab sets off shares it.
 */
export const gitlab = defineProvider({
  title: 'GitLab',
  specification: 'https://docs.gitlab.com/user/project/integrations/webhooks/',
  credentials,
  settings: z.strictObject({}),
  // Not x-gitlab-token: whoever has it is believed.
  forwards: [
    'idempotency-key',
    'webhook-id',
    'webhook-signature',
    'webhook-timestamp',
    'x-gitlab-event',
    'x-gitlab-event-uuid',
    'x-gitlab-instance',
    'x-gitlab-webhook-uuid',
  ],
  invent: (random) => ({ secret_token: toHex(random(32)) }),

  async verify(request, { credentials: sets, ...clock }) {
    const verdicts = await Promise.all(sets.map((set) => verifySet(request, set, clock)))
    return verdicts.find(({ ok: is_believed }) => is_believed) ?? verdicts[0] ?? refuse('no_credentials')
  },

  identify({ headers }) {
    return { id: headers.get('webhook-id') ?? headers.get('idempotency-key'), type: headers.get('x-gitlab-event') }
  },
})

/** Whether everything that GitLab was given is there: with both tokens, neither is enough. */
async function verifySet(
  request: InboundRequest,
  { secret_token, signing_token }: z.output<typeof credentials>,
  clock: { now: number; tolerance_ms: number },
): Promise<Verdict> {
  if (secret_token !== undefined) {
    const header = soleHeader(request.headers, 'x-gitlab-token')
    if (!header.ok) return header
    if (!isKnownSecret(header.value, [secret_token])) return refuse('wrong_credentials')
  }
  return signing_token === undefined
    ? ok(undefined)
    : verifyStandardWebhook(request, [signing_token], 'webhook-', clock)
}
