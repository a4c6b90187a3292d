/** What the audit log needs from time to time: a checkpoint of every chain that has grown, and an end for what is old. */
import type { Deps } from '../deps.ts'
import { DAY_MS } from '../lib/duration.ts'
import { report } from '../report.ts'
import { loadProgress, saveProgress } from '../retention/progress.ts'
import type { Run } from '../retention/run.ts'
import { makeCheckpoint, putCheckpoint } from './checkpoint.ts'
import { OPERATOR_CHAIN } from './entry.ts'
import { expireEntries } from './expire.ts'

const CHAINS_PER_PAGE = 100
/** What the API allows at least: whoever can write rows must not have us take what is younger. */
const KEPT_DAYS_MIN = 30
/** A little less than a day, so that a cron never comes just too early. */
const ROUND_MS_MIN = 23 * 60 * 60 * 1000

/** Where a round through all chains has come to. */
interface Progress {
  /** The last chain that was looked at; null when the round is through. */
  after: string | null
  began_at: number
  /** When the round before began: a chain that has grown since then gets a checkpoint. */
  grown_since: number
}

interface Chain {
  chain: string
  seq: number
  hash: string
  grown_at: number
  /** Entries of before this have had their time; null where they are kept for good. */
  before: number | null
}

/**
 * Once a day round all chains, or as far as the run may. One that fails keeps no other waiting.
 * @throws what D1 or R2 throws, at the end
 */
export async function keepAuditLog(deps: Deps, run: Run): Promise<void> {
  if (!run.take()) return
  const now = deps.now()
  let progress = (await loadProgress<Progress>(deps, 'audit')) ?? { after: null, began_at: 0, grown_since: 0 }
  if (progress.after === null) {
    if (now - progress.began_at < ROUND_MS_MIN) return
    progress = { after: '', began_at: now, grown_since: progress.began_at }
  }
  const failures: unknown[] = []
  let after = progress.after
  while (after !== null && run.take()) {
    const chains: Chain[] = await readChains(deps, after)
    for (const chain of chains) {
      try {
        await keepChain(deps, run, chain, progress.grown_since)
      } catch (error) {
        report(deps, 'audit.chain_failed', error, { tenant_id: chain.chain })
        failures.push(error)
      }
      if (run.is_cut_off) break
      after = chain.chain
    }
    if (run.is_cut_off) break
    if (chains.length < CHAINS_PER_PAGE) after = null
  }
  await saveProgress(deps, 'audit', { ...progress, after } satisfies Progress).run()
  if (failures.length > 0) throw failures[0]
}

async function keepChain(deps: Deps, run: Run, { chain, before, ...head }: Chain, grown_since: number): Promise<void> {
  if (head.grown_at >= grown_since) {
    if (!run.take()) return
    const { seq, hash } = head
    await putCheckpoint(deps, await makeCheckpoint(deps.settings.keyring, chain, { seq, hash }, deps.now()))
    run.count('checkpoints', 1)
  }
  if (before !== null) await expireEntries(deps, run, chain, before)
}

/** In the order of their names: `$operator` comes before every tenant. */
async function readChains({ env, now }: Deps, after: string): Promise<Chain[]> {
  const { results } = await env.DB.prepare(CHAINS).bind(after, now(), CHAINS_PER_PAGE).all<Chain>()
  return results
}

const CHAINS = `SELECT tenant_id AS chain, seq, hash, at AS grown_at, chains.expires_before AS before FROM (
    SELECT '${OPERATOR_CHAIN}' AS id, NULL AS expires_before WHERE '${OPERATOR_CHAIN}' > ?1
    UNION ALL
    SELECT id, ?2 - MAX(audit_retention_days, ${KEPT_DAYS_MIN}) * ${DAY_MS} FROM tenants WHERE id > ?1
  ) AS chains JOIN audit_log ON tenant_id = chains.id
    AND seq = (SELECT MAX(seq) FROM audit_log AS all_of WHERE all_of.tenant_id = chains.id)
  ORDER BY tenant_id LIMIT ?3`
