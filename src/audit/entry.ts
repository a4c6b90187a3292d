/** What an entry of the audit log says, and how it says what changed. */
import type { Role } from '../http/permissions.ts'

/** The chain of what operators do beyond a tenant. No tenant's id looks like this. */
export const OPERATOR_CHAIN = '$operator'

/** Everything that is recorded. Stable words: exports and alerts are built on them. */
export const ACTIONS = [
  'audit_log.expire',
  'audit_log.export',
  'dead_letter.delete',
  'dead_letter.redrive',
  'delivery.cancel',
  'delivery.retry',
  'endpoint.breaker.reset',
  'endpoint.create',
  'endpoint.delete',
  'endpoint.disable',
  'endpoint.enable',
  'endpoint.replay',
  'endpoint.secret.reveal',
  'endpoint.secret.rotate',
  'endpoint.test',
  'endpoint.update',
  'erasure.complete',
  'erasure.request',
  'event_type.create',
  'event_type.delete',
  'event_type.schema.delete',
  'event_type.update',
  'internal_dead_letter.delete',
  'internal_dead_letter.read',
  'internal_dead_letter.redrive',
  'key.create',
  'key.revoke',
  'key.rotate',
  'key.totp.confirm',
  'key.totp.enrol',
  'key.totp.remove',
  'key.update',
  'master_key.rotate',
  'message.replay',
  'step_up.update',
  'payload.reveal',
  'redaction.update',
  'source.create',
  'source.delete',
  'source.secret.rotate',
  'source.update',
  'subject.export',
  'tenant.create',
  'tenant.delete',
  'tenant.update',
] as const

export type Action = (typeof ACTIONS)[number]

/** Who does something, and from where. */
export interface Author {
  key_id: string
  role: Role | 'system'
  address: string | null
  user_agent: string | null
  request_id: string | null
}

/** Postern itself: queues, crons and Endpoints. */
export const SYSTEM: Author = { key_id: 'system', role: 'system', address: null, user_agent: null, request_id: null }

/** What may be shown of a thing: nothing secret. */
export type Shown = Readonly<Record<string, unknown>>

export interface Entry {
  action: Action
  /** Id of what it is done to. */
  target: string | null
  before?: Shown | null
  after?: Shown | null
}

/** Stands for what must not be in the log. That it is there says that it was there, or has changed. */
export const HIDDEN = '[hidden]'

/**
 * The members in which two states of a thing differ.
 * @param hide makes what may be shown of a state; differences in what it hides are seen all the same
 */
export function changeOf<T extends Shown>(
  before: T,
  after: T,
  hide: (shown: Partial<T>) => Shown = (shown) => shown,
): { before: Shown; after: Shown } {
  const names = Object.keys({ ...before, ...after }).filter((name) => !isSame(before[name], after[name]))
  const pick = (state: T) => hide(Object.fromEntries(names.map((name) => [name, state[name]])) as Partial<T>)
  return { before: pick(before), after: pick(after) }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
