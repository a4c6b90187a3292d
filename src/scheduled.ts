import { keepAuditLog } from './audit/upkeep.ts'
import type { Deps } from './deps.ts'
import { flyCanary } from './health/canary.ts'
import { rotateMasterKey } from './master-keys/rotate.ts'
import { deleteExpiredRows } from './retention/delete-expired-rows.ts'
import { deleteUnneededPayloads } from './retention/delete-unneeded-payloads.ts'
import { expireContent } from './retention/expire-content.ts'
import { Run, runJob } from './retention/run.ts'
import { releaseLeft } from './sources/release.ts'
import { runErasures } from './subjects/run-erasures.ts'
import { purgeTenants } from './tenants/purge-tenants.ts'

interface Job {
  name: string
  run: (deps: Deps, run: Run) => Promise<void>
}

/** By the cron of wrangler.toml that starts it: each has an invocation of its own, and all that one may use. */
export const JOBS: Readonly<Record<string, Job>> = {
  '* * * * *': { name: 'canary.flight', run: flyCanary },
  '2 * * * *': { name: 'sources.release', run: releaseLeft },
  '7 * * * *': { name: 'retention.rows', run: deleteExpiredRows },
  '12 * * * *': { name: 'erasures.run', run: runErasures },
  '17 * * * *': { name: 'retention.content', run: expireContent },
  '27 * * * *': { name: 'retention.payloads', run: deleteUnneededPayloads },
  '37 * * * *': { name: 'audit.upkeep', run: keepAuditLog },
  '47 * * * *': { name: 'tenants.purge', run: purgeTenants },
  '57 * * * *': { name: 'master_keys.rotate', run: rotateMasterKey },
}

/**
 * Runs what is due, and says what it did.
 * @throws what the job throws, so that the platform shows the run as failed; the next one goes on
 */
export async function runScheduled({ cron }: Pick<ScheduledController, 'cron'>, deps: Deps): Promise<void> {
  const job = JOBS[cron]
  await runJob(deps, job?.name ?? cron, new Run(deps.now), async (run) => {
    if (job === undefined) throw new Error(`no job for cron ${cron}`)
    await job.run(deps, run)
  })
}
