import type { Deps } from '../deps.ts'
import { DAY_MS } from '../lib/duration.ts'
import type { Run } from '../retention/run.ts'

/** Long enough to see when it began; whatever is older helps nobody to mend a source. */
const KEPT_MS = 30 * DAY_MS
const ROWS_PER_PAGE = 5000
/** A flood of weeks ago keeps the rest of the run waiting for no longer. */
const PAGES_MAX = 50

/**
 * Deletes what sources did not believe long ago.
 * @throws what D1 throws
 */
export async function deleteOldFailures({ env, now }: Deps, run: Run): Promise<void> {
  for (let page = 0; page < PAGES_MAX && run.take(); page++) {
    const { meta } = await env.DB.prepare(DELETE)
      .bind(now() - KEPT_MS, ROWS_PER_PAGE)
      .run()
    run.countChanges('source_failures', meta)
    if (meta.changes < ROWS_PER_PAGE) return
  }
}

const KEY = 'tenant_id, source_id, minute, reason, address'
const DELETE = `DELETE FROM source_failures WHERE (${KEY}) IN (
  SELECT ${KEY} FROM source_failures INDEXED BY source_failures_minute WHERE minute < ?1 LIMIT ?2)`
