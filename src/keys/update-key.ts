import { and } from 'drizzle-orm'
import { changeOf } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import type { Problem } from '../http/problems.ts'
import { liesIn, toNetworks } from '../lib/network.ts'
import { ok, type Result } from '../lib/result.ts'
import { checkAlive } from './alive.ts'
import { type Actor, changeKey } from './change-key.ts'
import { type KeyChange, toAuditedKey } from './contract.ts'
import { isUnchanged, type Owner } from './find-key.ts'
import { checkReach, checkScopes } from './grants.ts'
import { isMainstay } from './lockout.ts'
import { apiKeys, type KeyRow } from './table.ts'

/** Changes what is named. The key itself, its role and its expiry stay. */
export async function updateKey(
  deps: Deps,
  owner: Owner,
  key_id: string,
  change: KeyChange,
  actor: Actor,
): Promise<Result<KeyRow, Problem>> {
  return changeKey(deps, owner, key_id, actor, (row, now) => {
    const { name = row.name, scopes = row.scopes, ip_allowlist = row.ip_allowlist } = change
    const after = { ...row, name, scopes, ip_allowlist }
    const reach = [checkReach(actor, row), checkReach(actor, after)]
    const checked = [checkAlive(row, now), checkScopes(row.role, scopes), ...reach]
    const refused = checked.find((check) => !check.ok)
    if (refused?.ok === false) return refused
    return ok({
      is_ending: !isMainstay(after, now) || shutsOut(after, actor),
      write: async (trail, guard) => {
        const where = and(isUnchanged(row), guard)
        const decisive = deps.db.update(apiKeys).set({ name, scopes, ip_allowlist }).where(where)
        const what = changeOf(toAuditedKey(row), toAuditedKey(after))
        const is_written = await trail.commit({ action: 'key.update', target: row.id, ...what }, { decisive })
        return is_written ? ok(after) : undefined
      },
    })
  })
}

/** Whether the key that asks could not ask again. Of the others nobody knows from where they are used. */
function shutsOut({ id, ip_allowlist }: KeyRow, { key_id, address }: Actor): boolean {
  if (id !== key_id || ip_allowlist === null) return false
  return address === undefined || !liesIn(address, toNetworks(ip_allowlist))
}
