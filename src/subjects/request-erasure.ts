import { isNull } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import type { Access, Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { createId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { report } from '../report.ts'
import { Run } from '../retention/run.ts'
import { insertWithin } from '../tenants/insert-within.ts'
import { firstPass, runErasure } from './run-erasure.ts'
import { hashSubject } from './subject.ts'
import { type ErasureRow, erasures } from './table.ts'

/** As much as is likely to be done in the time that a Worker has after its answer. */
const AT_ONCE = { calls: 400, ms: 20_000 }

/** Of a tenant at once; each makes a call to every lane of every endpoint. */
const RUNNING_MAX = 1000

/**
 * Erases what was accepted about a data subject until now. From here on it goes on by itself: now as far as
 * that goes, the rest by the cron.
 */
export async function requestErasure(
  deps: Deps,
  tenant: Tenant,
  { principal }: Pick<Access, 'principal'>,
  subject: string,
): Promise<Result<ErasureRow, Problem>> {
  const now = deps.now()
  const row: ErasureRow = {
    tenant_id: tenant.id,
    id: createId('era', now, deps.random),
    subject: await hashSubject(tenant.id, subject),
    requested_at: now,
    requested_by: principal.key_id,
    completed_at: null,
    deliveries: 0,
    unfinished_deliveries: 0,
    attempts: 0,
    unmatched_messages: 0,
    dead_letters: 0,
    payloads: 0,
    progress: firstPass(now),
    run_after: now,
    signature: null,
  }
  const decisive = insertWithin(deps, erasures, row, RUNNING_MAX, isNull(erasures.completed_at))
  const requested = await audited(deps, tenant.id, async (trail) => {
    const entry = { action: 'erasure.request', target: row.id, after: { subject_hash: row.subject } } as const
    const is_inserted = await trail.commit(entry, { decisive })
    return is_inserted ? ok(row) : err(problem('limit_reached', `${RUNNING_MAX} erasures are running: wait for some`))
  })
  if (requested.ok) deps.waitUntil(eraseAtOnce(deps, row))
  return requested
}

async function eraseAtOnce(deps: Deps, erasure: ErasureRow): Promise<void> {
  const { tenant_id, id } = erasure
  try {
    await runErasure(deps, new Run(deps.now, AT_ONCE), erasure)
  } catch (error) {
    report(deps, 'erasure.failed', error, { tenant_id, id })
  }
}
