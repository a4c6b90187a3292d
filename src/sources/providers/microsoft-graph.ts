import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { EACH, pickAll, type Scalar } from '../../lib/json-pick.ts'
import { ok } from '../../lib/result.ts'
import { defineProvider } from '../provider.ts'
import { refuse } from '../refusal.ts'
import { echo, soleParameter } from '../schemes/echo.ts'
import { isKnownSecret } from '../schemes/token.ts'

/** More than Microsoft puts into a request, so that a forger's list is not read to its end. */
const ITEMS_MAX = 10_000

/**
 * The `clientState` that was given to the subscription, in every item of the body. Nothing is signed, neither the rest of
 * the body nor a time. The tokens of rich notifications (`validationTokens`) are not looked at.
 */
export const microsoft_graph = defineProvider({
  title: 'Microsoft Graph',
  specification: 'https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks',
  credentials: z.strictObject({ client_state: z.string().min(16).max(128) }),
  settings: z.strictObject({}),
  forwards: [],
  invent: (random) => ({ client_state: toHex(random(32)) }),
  answer: { status: 202, body: '' },

  verify({ body }, { credentials }) {
    const given = valuesOf(body, 'clientState')
    const states = given.filter((state) => typeof state === 'string')
    if (states.length === 0 || states.length < given.length) return refuse('missing_signature')
    const known = credentials.map(({ client_state }) => client_state)
    // Many items name the same one: each is looked up once.
    const is_known = [...new Set(states)].every((state) => isKnownSecret(state, known))
    return is_known ? ok(undefined) : refuse('wrong_credentials')
  },

  identify({ body }) {
    const ids = valuesOf(body, 'id')
    const has_ids = ids.length > 0 && !ids.includes(undefined)
    const [id, ...more] = ids
    const type = typeOf(body)
    // Of some resources, all changes are reported in the same words.
    if (!has_ids) return { id: null, type, may_look_alike: true }
    return { id: typeof id === 'string' && more.length === 0 ? id : null, type }
  },

  greet({ method, url }) {
    const token = method === 'POST' ? soleParameter(url, 'validationToken') : null
    return token === null ? null : echo(token)
  },
})

/** Of each item. None when it is not such a body. */
function valuesOf(body: Uint8Array, name: string): (Scalar | undefined)[] {
  return pickAll(body, ['value', EACH, name], ITEMS_MAX) ?? []
}

/** What all items are, `mixed` when that differs: named for the first, the others would not be looked for there. */
function typeOf(body: Uint8Array): string | null {
  const changes = valuesOf(body, 'changeType')
  const types = new Set(valuesOf(body, 'lifecycleEvent').map((event, at) => event ?? changes[at]))
  const [type] = types
  if (types.size > 1) return 'mixed'
  return typeof type === 'string' ? type : null
}
