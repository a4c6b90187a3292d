import type { Deps } from '../deps.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { changeSource } from './change-source.ts'
import { checkSettings } from './check-members.ts'
import type { SourceChange } from './contract.ts'
import type { SourceRow } from './table.ts'

/** Changes what is named and nothing else. What a source has parked goes on its way when it is no longer paused. */
export async function updateSource(
  deps: Deps,
  tenant_id: string,
  id: string,
  { settings: given, paused, ...columns }: SourceChange,
): Promise<Result<SourceRow, Problem>> {
  return changeSource(deps, tenant_id, id, 'source.update', (before, now) => {
    const settings = given === undefined ? ok(undefined) : checkSettings(before.provider, given)
    if (!settings.ok) return settings
    return ok({ ...columns, settings: settings.value, paused_at: nextPause(before, paused, now) })
  })
}

/** Since when it is paused, as far as that changes. */
function nextPause({ paused_at }: SourceRow, paused: boolean | undefined, now: number): number | null | undefined {
  if (paused === undefined) return undefined
  return paused ? (paused_at ?? now) : null
}
