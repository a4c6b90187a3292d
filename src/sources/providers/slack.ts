import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { encodeUtf8 } from '../../lib/utf8.ts'
import { defineProvider } from '../provider.ts'
import { echo } from '../schemes/echo.ts'
import { readForm } from '../schemes/form.ts'
import { verifyV0 } from '../schemes/v0.ts'

/**
 * Scheme `v0`, for events (JSON) as for slash commands and interactivity (forms). What a person has waited for has no id of
 * its own, but a `trigger_id` in the body, and Slack sends it once.
 */
export const slack = defineProvider({
  title: 'Slack',
  specification: 'https://docs.slack.dev/authentication/verifying-requests-from-slack',
  credentials: z.strictObject({
    secret: z.string().regex(/^\S{16,256}$/, 'must be the signing secret of the app, 32 hexadecimal digits'),
  }),
  settings: z.strictObject({}),
  forwards: ['x-slack-*'],
  // Of a slash command the answer's body is shown to whoever typed it.
  answer: { status: 200, body: '' },

  verify(request, { credentials, ...clock }) {
    const names = { signature: 'x-slack-signature', timestamp: 'x-slack-request-timestamp' }
    const secrets = credentials.map(({ secret }) => secret)
    return verifyV0(request, names, secrets, clock)
  },

  identify({ body }) {
    const type = pickText(body, ['event', 'type']) ?? pickText(body, ['type']) ?? typeOfForm(body)
    return { id: pickText(body, ['event_id']) ?? null, type }
  },

  reply({ body }) {
    const challenge = pickText(body, ['challenge'])
    return pickText(body, ['type']) === 'url_verification' && challenge !== undefined ? echo(challenge) : null
  },
})

/** `block_actions`, `view_submission` … of interactivity; `slash_command` of anything that was typed. */
function typeOfForm(body: Uint8Array): string | null {
  const read = readForm(body)
  const payload = read('payload')
  if (payload !== undefined) return pickText(encodeUtf8(payload), ['type']) ?? null
  return read('command') === undefined ? null : 'slash_command'
}
