import { record } from '../audit/audited.ts'
import { OPERATOR_CHAIN, SYSTEM } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import type { Run } from '../retention/run.ts'

const LOGS_PER_PAGE = 50
/** To read the end of a log and to write there, and once more when somebody else was faster. */
const CALLS_PER_LOG = 4

/**
 * Gives every audit log an entry under the current key whose newest one is under another: without that key nobody could
 * say whether the end of the log is genuine, and what an entry under a key that is there comes after, it vouches for.
 * @returns whether none is left
 */
export async function vouchForLogs(deps: Deps, run: Run): Promise<boolean> {
  const { current } = deps.settings.keyring
  for (let after = ''; run.take(); ) {
    const { results } = await deps.env.DB.prepare(ENDING_ELSEWHERE)
      .bind(after, current, LOGS_PER_PAGE)
      .run<{ id: string }>()
    for (const { id } of results) {
      if (!run.take(CALLS_PER_LOG)) return false
      const entry = { action: 'master_key.rotate', target: current } as const
      const recorded = await record({ ...deps, author: SYSTEM }, id, entry)
      if (!recorded.ok) return false
      run.count('vouched', 1)
    }
    after = results.at(-1)?.id ?? after
    if (results.length < LOGS_PER_PAGE) return true
  }
  return false
}

/** Each log there is, with the key that its newest entry is under. */
const ENDS = `SELECT chain.id, substr(newest.mac, 1, max(instr(newest.mac, '.') - 1, 0)) AS key_id
  FROM (SELECT id FROM tenants UNION ALL SELECT '${OPERATOR_CHAIN}') AS chain
  JOIN audit_log AS newest ON newest.tenant_id = chain.id
    AND newest.seq = (SELECT MAX(seq) FROM audit_log WHERE tenant_id = chain.id)`

const ENDING_ELSEWHERE = `SELECT id FROM (${ENDS}) WHERE id > ?1 AND key_id <> ?2 ORDER BY id LIMIT ?3`

export const COUNT_LOGS = `SELECT key_id, COUNT(*) AS count FROM (${ENDS}) GROUP BY key_id`
