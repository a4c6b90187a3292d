/** What D1 knows of how the gateway is, with a bound on every count: whoever asks every few seconds must not read it all. */
import type { Deps } from '../deps.ts'
import { FAILING_COUNT, FAILING_MS } from '../sources/note-failure.ts'

/** So many tenants are looked at, in the order of their ids. */
const TENANTS_READ_MAX = 200

/** A count goes no further: 5,000 dead letters ask for the same as a million. */
export const COUNT_MAX = 5000

/** A flood from everywhere is a row for each address and minute. */
const FAILURES_READ_MAX = 20_000

export interface TenantNumbers {
  tenant_id: string
  waiting: number
  dead: number
  cancelled: number
  /** Of the oldest that waits; null when none does. */
  oldest_waiting_at: number | null
  dead_letters: number
  endpoints: number
  endpoints_disabled: number
  sources_failing: number
}

export interface GatewayNumbers {
  /** Unix milliseconds. */
  read_at: number
  tenants: TenantNumbers[]
  tenants_total: number
  internal_dead_letters: number
}

// The conditions of the index once more, word for word: SQLite uses a partial index only for what implies them.
const INDEXED = `state <> 'succeeded' AND state <> 'pending'`
const OF_TENANT = `FROM deliveries INDEXED BY deliveries_unsuccessful WHERE tenant_id = measured.id AND ${INDEXED} AND state =`
const counted = (rows: string) => `(SELECT count(*) FROM (SELECT 1 ${rows} LIMIT ?2))`

const TENANTS = `
  WITH measured AS MATERIALIZED (SELECT id FROM tenants ORDER BY id LIMIT ?1)
  SELECT id AS tenant_id,
    ${counted(`${OF_TENANT} 'waiting'`)} AS waiting,
    ${counted(`${OF_TENANT} 'dead'`)} AS dead,
    ${counted(`${OF_TENANT} 'cancelled'`)} AS cancelled,
    (SELECT accepted_at ${OF_TENANT} 'waiting' ORDER BY accepted_at LIMIT 1) AS oldest_waiting_at,
    ${counted(`FROM dead_letters WHERE tenant_id = measured.id AND cause = 'exhausted'`)} AS dead_letters,
    (SELECT count(*) FROM endpoints WHERE tenant_id = measured.id) AS endpoints,
    (SELECT count(*) FROM endpoints WHERE tenant_id = measured.id AND disabled IS NOT NULL) AS endpoints_disabled
  FROM measured ORDER BY id`

const FAILING = `
  SELECT tenant_id, count(*) AS sources FROM (
    SELECT tenant_id, source_id FROM (SELECT tenant_id, source_id, count FROM source_failures WHERE minute > ?1 LIMIT ?2)
    GROUP BY tenant_id, source_id HAVING sum(count) >= ?3
  ) GROUP BY tenant_id`

const INTERNAL = `SELECT count(*) AS count FROM (SELECT 1 FROM dead_letters WHERE cause = 'internal' LIMIT ?1)`

/** One round trip. */
export async function readGateway({ env: { DB }, now }: Pick<Deps, 'env' | 'now'>): Promise<GatewayNumbers> {
  const read_at = now()
  const [tenants, failing, internal, total] = await DB.batch([
    DB.prepare(TENANTS).bind(TENANTS_READ_MAX, COUNT_MAX),
    DB.prepare(FAILING).bind(read_at - FAILING_MS, FAILURES_READ_MAX, FAILING_COUNT),
    DB.prepare(INTERNAL).bind(COUNT_MAX),
    DB.prepare('SELECT count(*) AS count FROM tenants'),
  ])
  const rows = (tenants?.results ?? []) as Omit<TenantNumbers, 'sources_failing'>[]
  const sources = new Map(
    ((failing?.results ?? []) as { tenant_id: string; sources: number }[]).map((row) => [row.tenant_id, row.sources]),
  )
  const countOf = (result: D1Result | undefined) =>
    (result?.results as { count: number }[] | undefined)?.[0]?.count ?? 0
  return {
    read_at,
    tenants: rows.map((row) => ({ ...row, sources_failing: sources.get(row.tenant_id) ?? 0 })),
    tenants_total: countOf(total),
    internal_dead_letters: countOf(internal),
  }
}
