import { keepAuditLog } from './audit/upkeep.ts'
import type { Deps } from './deps.ts'
import { log } from './lib/log.ts'
import { deleteExpiredRows } from './retention/delete-expired-rows.ts'
import { deleteUnneededPayloads } from './retention/delete-unneeded-payloads.ts'
import { Run } from './retention/run.ts'
import { purgeTenants } from './tenants/purge-tenants.ts'

interface Job {
  name: string
  run: (deps: Deps, run: Run) => Promise<void>
}

/** By the cron of wrangler.toml that starts it: each has an invocation of its own, and all that one may use. */
export const JOBS: Readonly<Record<string, Job>> = {
  '7 * * * *': { name: 'retention.rows', run: deleteExpiredRows },
  '27 * * * *': { name: 'retention.payloads', run: deleteUnneededPayloads },
  '37 * * * *': { name: 'audit.upkeep', run: keepAuditLog },
  '47 * * * *': { name: 'tenants.purge', run: purgeTenants },
}

/**
 * Runs what is due, and says what it did.
 * @throws what the job throws, so that the platform shows the run as failed; the next one goes on
 */
export async function runScheduled({ cron }: Pick<ScheduledController, 'cron'>, deps: Deps): Promise<void> {
  const job = JOBS[cron]
  if (job === undefined) throw new Error(`no job for cron ${cron}`)
  const run = new Run(deps.now)
  const started_at = deps.now()
  const report = () => ({ ...run.counts, is_cut_off: run.is_cut_off, duration_ms: deps.now() - started_at })
  try {
    await job.run(deps, run)
    log('info', job.name, report())
  } catch (error) {
    log('warn', 'scheduled.failed', { job: job.name, error, ...report() })
    throw error
  }
}
