import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import type { Run } from '../retention/run.ts'
import { runErasure } from './run-erasure.ts'
import type { ErasureRow } from './table.ts'

const ERASURES_PER_RUN = 200

/** Of a run, at most, for one erasure. A tenant may have 1,000 of them, with 1,600 lanes to tell for each. */
const CALLS_PER_ERASURE = 200

/**
 * Goes on with erasures that are not done: of each tenant the one that waits longest, then of each the next one. One that
 * fails keeps no other waiting, nor does one that is long, nor a tenant that has many.
 * @throws what D1 throws
 */
export async function runErasures(deps: Deps, run: Run): Promise<void> {
  run.take()
  const { results: due } = await deps.env.DB.prepare(DUE)
    .bind(deps.now(), ERASURES_PER_RUN)
    .run<Pick<ErasureRow, 'tenant_id' | 'id'>>()
  for (const erasure of due) {
    if (!run.take()) return
    try {
      await run.share(CALLS_PER_ERASURE, (part) => runErasure(deps, part, erasure))
    } catch (error) {
      report(deps, 'erasure.failed', error, erasure)
    }
  }
}

const DUE = `SELECT tenant_id, id FROM (
    SELECT tenant_id, id, run_after, ROW_NUMBER() OVER (PARTITION BY tenant_id ORDER BY run_after) AS place
    FROM erasures WHERE completed_at IS NULL AND run_after <= ?1)
  ORDER BY place, run_after LIMIT ?2`
