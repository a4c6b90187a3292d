import { and, asc, isNull, lte } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import type { Run } from '../retention/run.ts'
import { runErasure } from './run-erasure.ts'
import { erasures } from './table.ts'

const ERASURES_PER_RUN = 200

/**
 * Goes on with erasures that are not done, those that wait longest first. One that fails keeps no other waiting.
 * @throws what D1 throws
 */
export async function runErasures(deps: Deps, run: Run): Promise<void> {
  run.take()
  const due = await deps.db
    .select({ tenant_id: erasures.tenant_id, id: erasures.id })
    .from(erasures)
    .where(and(isNull(erasures.completed_at), lte(erasures.run_after, deps.now())))
    .orderBy(asc(erasures.run_after))
    .limit(ERASURES_PER_RUN)
  for (const erasure of due) {
    try {
      await runErasure(deps, run, erasure)
    } catch (error) {
      report(deps, 'erasure.failed', error, erasure)
    }
    if (run.is_cut_off) return
  }
}
