/** Removes what a deleted tenant had. Every page looks for what is left, so it may be cut off anywhere, and run twice at once. */
import { asc, eq, getTableName } from 'drizzle-orm'
import { getTableConfig, type SQLiteColumn, type SQLiteTable } from 'drizzle-orm/sqlite-core'
import { deleteAllCheckpoints } from '../audit/expire.ts'
import { auditLog } from '../audit/table.ts'
import { deadLetters } from '../dead-letters/table.ts'
import { deliveries } from '../deliveries/table.ts'
import type { Deps } from '../deps.ts'
import { everyLane, objectName } from '../endpoints/lanes.ts'
import { callEndpoint } from '../endpoints/stub.ts'
import { endpoints } from '../endpoints/table.ts'
import { eventTypeSchemas, eventTypes } from '../event-types/table.ts'
import { apiKeys } from '../keys/table.ts'
import { log } from '../lib/log.ts'
import { payloadsOfTenant } from '../messages/body.ts'
import { unmatchedMessages } from '../messages/table.ts'
import { callQuota } from '../quotas/stub.ts'
import { report } from '../report.ts'
import type { Run } from '../retention/run.ts'
import { forgetRate } from '../sources/rate.ts'
import { sourceFailures, sources } from '../sources/table.ts'
import { totpEnrolments } from '../step-up/table.ts'
import { erasures } from '../subjects/table.ts'
import { tenantDeletions } from './table.ts'

/** Every table with rows of tenants but `endpoints` and `sources`, which come first: with a row go its objects. */
const OWNED: readonly (SQLiteTable & { tenant_id: SQLiteColumn })[] = [
  auditLog,
  apiKeys,
  sourceFailures,
  eventTypes,
  eventTypeSchemas,
  deadLetters,
  deliveries,
  unmatchedMessages,
  totpEnrolments,
  erasures,
]

const ENDPOINTS_PER_PAGE = 50
const SOURCES_PER_PAGE = 20
const ROWS_PER_PAGE = 1000
/** What R2 lists, or deletes, at once. */
const PAYLOADS_PER_PAGE = 1000

/**
 * A publisher whose configuration is cached may write for an hour after the deletion while D1 comes and goes
 * (http/access.ts). The id is free once all that is over and a whole pass has found nothing.
 */
const STRAGGLERS_MS_MAX = 2 * 60 * 60 * 1000

export type TenantDeletion = typeof tenantDeletions.$inferSelect

/**
 * As far as the run may.
 * @throws what D1 or R2 throws; what was deleted until then stays deleted
 */
export async function purgeTenant(deps: Deps, run: Run, { tenant_id, requested_at }: TenantDeletion): Promise<void> {
  const found = { count: 0 }
  // Endpoints first, since they write rows.
  const is_through =
    (await removeEndpoints(deps, run, tenant_id, found)) &&
    (await removeSources(deps, run, tenant_id, found)) &&
    (await deleteRows(deps, run, tenant_id, found)) &&
    (await deletePayloads(deps, run, tenant_id, found)) &&
    (await removeQuota(deps, run, tenant_id)) &&
    (await deleteAllCheckpoints(deps, run, tenant_id))
  // What was under way when it was found may be written yet: one more pass, later, is to find nothing.
  const is_gone = is_through && found.count === 0 && deps.now() - requested_at >= STRAGGLERS_MS_MAX
  if (!is_gone || !run.take()) return
  await deps.db.delete(tenantDeletions).where(eq(tenantDeletions.tenant_id, tenant_id))
  run.count('tenants', 1)
  log('info', 'tenant.deleted', { tenant_id, requested_at })
}

/** What a pass comes across. */
interface Found {
  count: number
}

/** Empties every object that each endpoint ever had, and only then forgets it. Without a tenant's row they take nothing new. */
async function removeEndpoints(deps: Deps, run: Run, tenant_id: string, found: Found): Promise<boolean> {
  let is_through = true
  while (run.take()) {
    const page = await deps.db
      .select({ id: endpoints.id, layout: endpoints.layout })
      .from(endpoints)
      .where(eq(endpoints.tenant_id, tenant_id))
      .orderBy(asc(endpoints.id))
      .limit(ENDPOINTS_PER_PAGE)
    found.count += page.length
    const removed: string[] = []
    for (const { id, layout } of page) {
      const lanes = everyLane(layout)
      if (!run.take(lanes.length)) {
        is_through = false
        break
      }
      try {
        await Promise.all(lanes.map((lane) => callEndpoint(deps.env, objectName(id, lane), (stub) => stub.remove())))
        removed.push(id)
      } catch (error) {
        report(deps, 'endpoint.remove_failed', error, { tenant_id, endpoint_id: id })
        is_through = false
      }
    }
    if (removed.length > 0) {
      const { meta } = await deps.env.DB.prepare(DELETE_ENDPOINTS).bind(tenant_id, JSON.stringify(removed)).run()
      run.countChanges('endpoints', meta)
    }
    if (page.length < ENDPOINTS_PER_PAGE || !is_through) return is_through
  }
  return false
}

/** Empties the object of each source that may have had a limit, and only then forgets the source. */
async function removeSources(deps: Deps, run: Run, tenant_id: string, found: Found): Promise<boolean> {
  while (run.take(SOURCES_PER_PAGE + 2)) {
    const page = await deps.db
      .select({ id: sources.id })
      .from(sources)
      .where(eq(sources.tenant_id, tenant_id))
      .orderBy(asc(sources.id))
      .limit(SOURCES_PER_PAGE)
    if (page.length === 0) return true
    found.count += page.length
    const forgotten = await Promise.all(page.map(({ id }) => forget(deps, tenant_id, id)))
    const ids = page.flatMap(({ id }, i) => (forgotten[i] ? [id] : []))
    const { meta } = await deps.env.DB.prepare(DELETE_SOURCES).bind(tenant_id, JSON.stringify(ids)).run()
    run.countChanges('sources', meta)
    if (ids.length < page.length) return false
  }
  return false
}

async function forget(deps: Deps, tenant_id: string, source_id: string): Promise<boolean> {
  try {
    await forgetRate(deps, source_id)
    return true
  } catch (error) {
    report(deps, 'quota.failed', error, { tenant_id, source_id })
    return false
  }
}

async function deleteRows({ env }: Deps, run: Run, tenant_id: string, found: Found): Promise<boolean> {
  for (const table of OWNED) {
    for (let is_last = false; !is_last; ) {
      if (!run.take()) return false
      const { meta } = await env.DB.prepare(deletionOf(table)).bind(tenant_id, ROWS_PER_PAGE).run()
      run.countChanges(getTableName(table), meta)
      found.count += meta.changes
      is_last = meta.changes < ROWS_PER_PAGE
    }
  }
  return true
}

/** A page of one tenant's rows, found by an index and deleted by primary key. */
function deletionOf(table: SQLiteTable): string {
  const { name, columns, primaryKeys } = getTableConfig(table)
  const keys = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary)
  const key = keys.map((column) => column.name).join(', ')
  return `DELETE FROM ${name} WHERE (${key}) IN (SELECT ${key} FROM ${name} WHERE tenant_id = ?1 LIMIT ?2)`
}

async function deletePayloads({ env }: Deps, run: Run, tenant_id: string, found: Found): Promise<boolean> {
  for (const prefix of payloadsOfTenant(tenant_id)) {
    for (let is_last = false; !is_last; ) {
      if (!run.take(2)) return false
      const { objects } = await env.PAYLOADS.list({ prefix, limit: PAYLOADS_PER_PAGE })
      is_last = objects.length === 0
      if (is_last) continue
      await env.PAYLOADS.delete(objects.map(({ key }) => key))
      run.count('payloads', objects.length)
      found.count += objects.length
    }
  }
  return true
}

/** Every time: whoever did not hear of the deletion in time may have been counted since. */
async function removeQuota({ env }: Deps, run: Run, tenant_id: string): Promise<boolean> {
  if (!run.take()) return false
  await callQuota(env, tenant_id, (quota) => quota.remove())
  return true
}

const DELETE_ENDPOINTS = `DELETE FROM endpoints WHERE tenant_id = ?1 AND id IN (SELECT value FROM json_each(?2))`
const DELETE_SOURCES = `DELETE FROM sources WHERE tenant_id = ?1 AND id IN (SELECT value FROM json_each(?2))`
