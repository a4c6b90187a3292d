import type { Deps } from '../deps.ts'
import type { Bindings } from '../env.ts'
import type { Catalogue, PublishedType } from '../event-types/admit.ts'
import { isWellFormedApiKey } from '../keys/api-key.ts'
import { equalInConstantTime, sha256Hex } from '../lib/hash.ts'
import { liesIn, type Network, toNetworks } from '../lib/network.ts'
import { isReservedTenant } from '../lib/reserved-tenant.ts'
import { StaleCache } from '../lib/stale-cache.ts'
import type { Subscription } from '../messages/match.ts'
import { report } from '../report.ts'
import type { tenants } from '../tenants/table.ts'
import type { Grant, Permission } from './permissions.ts'

export interface Principal extends Grant {
  key_id: string
  /** Null for an operator. */
  tenant_id: string | null
  /** The only addresses that may use it; null for every address. */
  networks: readonly Network[] | null
  /** As far as is known; null for never, undefined for a key that nobody keeps this of. */
  last_used_at: number | null | undefined
}

/** Without what is never needed to publish. */
export type Tenant = Omit<typeof tenants.$inferSelect, 'redact'>

/** Who asks, and all that the hot path needs to know of the tenant it is about: one read of D1, none when hot. */
export interface Access {
  principal: Principal
  tenant: Tenant | null
  subscriptions: Subscription[]
  catalogue: Catalogue
}

/** What the hot path needs to know of one tenant. */
export type TenantConfiguration = Omit<TenantAccess, 'principal'>

/** The access of a route whose path names a tenant. */
export interface TenantAccess extends Access {
  tenant: Tenant
}

interface KeyRow extends Principal {
  hash: string
  expires_at: number | null
  revoked_at: number | null
}

interface Loaded {
  key: KeyRow | null
  tenant: Tenant | null
  subscriptions: Subscription[]
  catalogue: Catalogue
  /** Of all this as JSON. */
  length: number
}

/** A change elsewhere is seen within 2 s. */
const FRESH_MS = 2000
/** With D1 down, or slow, what is known serves publishers this long (design: custody rule). */
const STALE_MS = 60 * 60 * 1000

const cache = new StaleCache<Loaded>(
  {
    fresh_ms: FRESH_MS,
    refresh_after_ms: 1000,
    stale_ms: STALE_MS,
    // An eighth of what an isolate may use, since objects take more than their text.
    size_max: 16 * 1024 * 1024,
  },
  ({ length }) => length,
)

const listeners: ((tenant_id: string) => void)[] = []

/** For who keeps something of tenants beside what is kept here. */
export function onForgetTenant(listener: (tenant_id: string) => void): void {
  listeners.push(listener)
}

/** Makes this isolate see a change of the tenant, its keys, endpoints or sources at once. */
export function forgetTenant(tenant_id: string): void {
  cache.forget((key) => key.endsWith(`|${tenant_id}`))
  for (const listener of listeners) listener(tenant_id)
}

/** Makes this isolate forget a key whatever tenant it was used for. */
export function forgetKey(hash: string): void {
  cache.forget((key) => key.startsWith(`${hash}|`))
}

/**
 * Finds who bears this key, together with the tenant of the path. Null when the key is not good:
 * malformed, unknown, expired or revoked, without saying which.
 * @param permission what for: only publishing goes on with what is stale. A key that was revoked long ago would else
 * do anything once more, even make its successor, whenever this one read fails or takes long and the next does not
 * @throws what D1 throws, when nothing usable is cached
 */
export async function findAccess(
  deps: Deps,
  api_key: string,
  tenant_id: string | null,
  permission: Permission,
): Promise<Access | null> {
  if (!(await isWellFormedApiKey(api_key))) return null
  const hash = await sha256Hex(api_key)
  const operator = await principalOfSettings(deps, hash)
  // What Postern keeps for itself is nobody's, the operator's neither: it is as if it were not there.
  const named = tenant_id === null || isReservedTenant(tenant_id) ? '' : tenant_id
  const load = () => loadAccess(deps.env.DB, hash, named, operator !== null)
  const unheard = (error: unknown) => report(deps, 'access.stale', error, { tenant_id })
  const name = nameOf(hash, tenant_id)
  // The key of the settings is not in D1, where it could have been revoked.
  const stale_ms = permission === 'message.publish' || operator !== null ? STALE_MS : FRESH_MS
  const loaded = await cache.get(name, load, deps.now, deps.waitUntil, unheard, stale_ms)
  // Keys and tenants that somebody makes up must not push out those that are real.
  const is_made_up = (loaded.key === null && operator === null) || (tenant_id !== null && loaded.tenant === null)
  if (is_made_up) cache.discard(name)
  const principal = operator ?? principalOfRow(loaded.key, hash, deps.now())
  const { tenant, subscriptions, catalogue } = loaded
  return principal === null ? null : { principal, tenant, subscriptions, catalogue }
}

/** Whether this key was good when it was last looked up here, which is not long ago; without looking it up. */
export async function isKnown(deps: Deps, api_key: string, tenant_id: string | null): Promise<boolean> {
  if (!(await isWellFormedApiKey(api_key))) return false
  const hash = await sha256Hex(api_key)
  if ((await principalOfSettings(deps, hash)) !== null) return true
  const known = cache.peek(nameOf(hash, tenant_id))
  return known !== undefined && principalOfRow(known.key, hash, deps.now()) !== null
}

/** What is cached for a key and the tenant of a path. */
function nameOf(hash: string, tenant_id: string | null): string {
  return `${hash}|${tenant_id ?? ''}`
}

const settings_hashes = new WeakMap<object, string>()

/** The operator key that lives in a Worker secret and needs no row. */
async function principalOfSettings({ settings }: Deps, hash: string): Promise<Principal | null> {
  if (settings.operator_key === undefined) return null
  let expected = settings_hashes.get(settings)
  if (expected === undefined) {
    expected = await sha256Hex(settings.operator_key)
    settings_hashes.set(settings, expected)
  }
  return equalInConstantTime(expected, hash)
    ? {
        key_id: 'key_settings',
        role: 'operator',
        scopes: null,
        tenant_id: null,
        networks: null,
        last_used_at: undefined,
      }
    : null
}

function principalOfRow(row: KeyRow | null, hash: string, now: number): Principal | null {
  if (row === null || !equalInConstantTime(row.hash, hash)) return null
  if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return null
  const { key_id, role, scopes, tenant_id, networks, last_used_at } = row
  return { key_id, role, scopes, tenant_id, networks, last_used_at }
}

/** Whether the key may be used from this address. One that is bound to addresses needs a known one. */
export function isFromAllowed({ networks }: Principal, address: string | undefined): boolean {
  return networks === null || (address !== undefined && liesIn(address, networks))
}

async function loadAccess(db: Bindings['DB'], hash: string, tenant_id: string, is_operator: boolean): Promise<Loaded> {
  const { results } = await db
    .prepare(LOAD)
    .bind(hash, tenant_id, is_operator ? 1 : 0)
    .all<LoadedRow>()
  const [key_row = null] = read<Omit<KeyRow, 'networks'> & { ip_allowlist: string[] | null }>(results, 'key')
  // Read once here, not by every request.
  const key = key_row && { ...key_row, networks: key_row.ip_allowlist && toNetworks(key_row.ip_allowlist) }
  const { tenant, subscriptions } = readTenant(results)
  const catalogue = new Map(read<PublishedType>(results, 'event_type').map((type) => [type.name, type]))
  return { key, tenant, subscriptions, catalogue, length: results.reduce((sum, { value }) => sum + value.length, 0) }
}

/** One thing of what was loaded, as JSON. */
export interface LoadedRow {
  kind: 'key' | 'source' | 'tenant' | 'endpoint' | 'event_type'
  value: string
}

function read<T>(rows: readonly LoadedRow[], wanted: LoadedRow['kind']): T[] {
  return rows.filter(({ kind }) => kind === wanted).map(({ value }) => JSON.parse(value) as T)
}

/** What {@link TENANT} and {@link ENDPOINT} give. */
export function readTenant(rows: readonly LoadedRow[]): { tenant: Tenant | null; subscriptions: Subscription[] } {
  const [tenant = null] = read<Tenant>(rows, 'tenant')
  const endpoints = read<Subscription & { version: number }>(rows, 'endpoint')
  const subscriptions = endpoints.map(({ version, ...subscription }) => ({
    ...subscription,
    // As `settingsVersion` has it, of endpoints/settings.ts.
    settings_version: version + (tenant?.version ?? 0),
  }))
  return { tenant, subscriptions }
}

/** Columns of what is loaded of a row of `tenants`. */
export const TENANT = `'tenant', json_object('id', id, 'name', name, 'version', version, 'limits', json(limits),
    'disable_after_days', disable_after_days, 'retention_days', retention_days,
    'audit_retention_days', audit_retention_days, 'unknown_event_types', unknown_event_types,
    'step_up', step_up, 'own_step_up', own_step_up, 'created_at', created_at,
    'updated_at', updated_at)`

/** Columns of what is loaded of each row of `endpoints`. */
export const ENDPOINT = `'endpoint', json_object('endpoint_id', id, 'version', version, 'event_types', json(event_types),
    'channels', json(channels), 'filter', filter, 'ordering', ordering, 'layout', json(layout))`

// One statement for all of it: on the publish path every round trip to D1 counts. In rows, because a
// value of D1 holds 2 MB, and the subscriptions of a tenant may be more. A key that is not there, or another
// tenant's, loads nothing, so that whoever makes keys up fills no memory.
const READER = `(SELECT 1 WHERE ?3 = 1 OR EXISTS (
    SELECT 1 FROM api_keys WHERE hash = ?1 AND (tenant_id IS NULL OR tenant_id = ?2)))`
// Of the catalogue, only types that have something to say about messages, as the index of them has it (table.ts);
// all of them for a tenant that refuses others. The index is named because SQLite would read the whole catalogue.
// A statement within, because D1 takes five parts of a UNION.
const IS_CHECKED = 'schema_version > 0 OR deprecated_at IS NOT NULL OR archived_at IS NOT NULL'
const EVENT_TYPE = `SELECT 'event_type', json_object('name', event_types.name, 'schema_version', schema_version,
    'is_deprecated', deprecated_at IS NOT NULL, 'is_archived', archived_at IS NOT NULL,
    'schemas', json((SELECT json_group_object(CAST(version AS TEXT), schema) FROM event_type_schemas AS kept
      WHERE kept.tenant_id = ?2 AND kept.name = event_types.name)))`
const LOAD = `SELECT 'key' AS kind, json_object('key_id', id, 'role', role, 'tenant_id', tenant_id, 'hash', hash,
    'scopes', json(scopes), 'ip_allowlist', json(ip_allowlist), 'expires_at', expires_at, 'revoked_at', revoked_at,
    'last_used_at', last_used_at) AS value FROM api_keys WHERE hash = ?1
  UNION ALL
  SELECT ${TENANT} FROM ${READER} CROSS JOIN tenants WHERE id = ?2
  UNION ALL
  SELECT ${ENDPOINT} FROM ${READER} CROSS JOIN endpoints WHERE tenant_id = ?2
  UNION ALL
  SELECT * FROM (
    ${EVENT_TYPE} FROM ${READER} CROSS JOIN event_types INDEXED BY event_types_checked
      WHERE tenant_id = ?2 AND (${IS_CHECKED})
    UNION ALL
    ${EVENT_TYPE} FROM ${READER} CROSS JOIN tenants CROSS JOIN event_types ON event_types.tenant_id = tenants.id
      WHERE tenants.id = ?2 AND unknown_event_types = 'refuse' AND NOT (${IS_CHECKED}))`
