import type { Deps } from '../deps.ts'
import {
  ENDPOINT,
  type LoadedRow,
  onForgetTenant,
  readTenant,
  TENANT,
  type TenantConfiguration,
} from '../http/access.ts'
import { idPattern } from '../lib/ids.ts'
import { type Network, toNetworks } from '../lib/network.ts'
import { StaleCache } from '../lib/stale-cache.ts'
import { report } from '../report.ts'
import type { sources } from './table.ts'

/** A source as its requests need it. */
export interface Source extends Omit<typeof sources.$inferSelect, 'failing_told_at' | 'name' | 'ip_allowlist'> {
  /** The only addresses that may call it; null for every address. */
  networks: Network[] | null
}

/** A source, and what it takes to hand on what it receives: one read of D1, none when hot. */
export interface SourceAccess extends TenantConfiguration {
  source: Source
}

interface Loaded {
  access: SourceAccess | null
  /** Of all this as JSON. */
  length: number
}

/** As for API keys (http/access.ts): a change elsewhere is seen within 2 s, and D1 may be away for an hour. */
const cache = new StaleCache<Loaded>(
  { fresh_ms: 2000, refresh_after_ms: 1000, stale_ms: 60 * 60 * 1000, size_max: 8 * 1024 * 1024 },
  ({ length }) => length,
)

onForgetTenant((tenant_id) =>
  // Of a load under way nobody knows yet whose source it will find.
  cache.forget((_source_id, loaded) => loaded === undefined || loaded.access?.tenant.id === tenant_id),
)

/** What no source is found for takes so much of the cache; providers go on calling what was deleted. */
const NOTHING_LENGTH = 256

const SOURCE_ID = new RegExp(idPattern('src'))

/** Whether this can be the id of a source at all. */
export function isSourceId(text: string): boolean {
  return SOURCE_ID.test(text)
}

/** Whether it is known here already which source this is, or that there is none. */
export function isKnownSource(id: string): boolean {
  return cache.peek(id) !== undefined
}

/**
 * Finds a source by the id that is its URL. Null when there is none.
 * @throws what D1 throws, when nothing usable is cached
 */
export async function findSourceAccess(deps: Deps, id: string): Promise<SourceAccess | null> {
  const unheard = (error: unknown) => report(deps, 'source.stale', error, { source_id: id })
  const { access } = await cache.get(id, () => load(deps, id), deps.now, deps.waitUntil, unheard)
  return access
}

async function load({ env }: Deps, id: string): Promise<Loaded> {
  const { results } = await env.DB.prepare(LOAD).bind(id).all<LoadedRow>()
  const { tenant, subscriptions } = readTenant(results)
  const row = results.find(({ kind }) => kind === 'source')
  if (tenant === null || row === undefined) return { access: null, length: NOTHING_LENGTH }
  const { ip_allowlist, ...source } = JSON.parse(row.value) as Omit<Source, 'networks'> & {
    ip_allowlist: string[] | null
  }
  return {
    access: {
      source: { ...source, networks: ip_allowlist && toNetworks(ip_allowlist) },
      tenant,
      subscriptions,
      // Types are the provider's, and are not checked.
      catalogue: new Map(),
    },
    length: results.reduce((sum, { value }) => sum + value.length, 0),
  }
}

const OWNER = '(SELECT tenant_id FROM sources WHERE id = ?1)'
const LOAD = `SELECT 'source' AS kind, json_object('tenant_id', tenant_id, 'id', id, 'provider', provider,
    'settings', json(settings), 'credentials', json(credentials), 'tolerance_s', tolerance_s,
    'ip_allowlist', json(ip_allowlist), 'rate_limit_per_s', rate_limit_per_s, 'body_bytes_max', body_bytes_max,
    'answer', json(answer), 'event_type_prefix', event_type_prefix, 'channels', json(channels),
    'public_url', public_url, 'paused_at', paused_at, 'created_at', created_at, 'updated_at', updated_at) AS value
    FROM sources WHERE id = ?1
  UNION ALL
  SELECT ${TENANT} FROM tenants WHERE id = ${OWNER}
  UNION ALL
  SELECT ${ENDPOINT} FROM endpoints WHERE tenant_id = ${OWNER}`
