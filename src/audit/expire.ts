import { and, asc, eq, lte } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { DAY_MS } from '../lib/duration.ts'
import { ok } from '../lib/result.ts'
import type { Run } from '../retention/run.ts'
import { audited } from './audited.ts'
import { folderOf, keyOf, listCheckpoints } from './checkpoint.ts'
import { auditLog } from './table.ts'

const PAGE = 1000

/**
 * Takes the oldest entries of a tenant when their time is over, a page at a time, and leaves an entry that
 * says so: it holds the hash of the last one taken, so that nobody else can take any unseen.
 * @throws what D1 or R2 throws
 */
export async function expireEntries(deps: Deps, run: Run, tenant_id: string, before: number): Promise<void> {
  while (run.take(3)) {
    const rows = await deps.db
      .select({ seq: auditLog.seq, hash: auditLog.hash, at: auditLog.at })
      .from(auditLog)
      .where(eq(auditLog.tenant_id, tenant_id))
      .orderBy(asc(auditLog.seq))
      .limit(PAGE)
    const first_kept = rows.findIndex(({ at }) => at >= before)
    const expired = first_kept < 0 ? rows : rows.slice(0, first_kept)
    const last = expired.at(-1)
    const oldest = expired[0]
    // Once a day, since each time leaves an entry.
    if (last === undefined || oldest === undefined || oldest.at >= before - DAY_MS) return
    const through = { seq: last.seq, hash: last.hash }
    const deleted = await audited(deps, tenant_id, async (trail) => {
      const decisive = deps.db
        .delete(auditLog)
        .where(and(eq(auditLog.tenant_id, tenant_id), lte(auditLog.seq, last.seq)))
      await trail.commit({ action: 'audit_log.expire', target: null, after: through }, { decisive })
      return ok(undefined)
    })
    // Too many others were faster: the checkpoints of what is still there stay.
    if (!deleted.ok) return
    run.count('entries', expired.length)
    await deleteCheckpoints(deps, run, tenant_id, last.seq)
    if (expired.length < PAGE) return
  }
}

/** Of entries that are gone there is nothing that a checkpoint could be compared with. */
async function deleteCheckpoints({ env }: Deps, run: Run, chain: string, through: number): Promise<void> {
  if (!run.take(2)) return
  const { checkpoints } = await listCheckpoints({ env }, chain)
  const keys = checkpoints.filter(({ seq }) => seq <= through).map(({ seq }) => keyOf(chain, seq))
  if (keys.length > 0) await env.PAYLOADS.delete(keys)
}

/** All checkpoints of a tenant that is deleted; true when none is left. */
export async function deleteAllCheckpoints({ env }: Deps, run: Run, chain: string): Promise<boolean> {
  while (run.take(2)) {
    const { objects } = await env.PAYLOADS.list({ prefix: folderOf(chain) })
    if (objects.length === 0) return true
    await env.PAYLOADS.delete(objects.map(({ key }) => key))
  }
  return false
}
