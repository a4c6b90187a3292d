import type { Deps } from '../deps.ts'
import { LOAD, readRotation } from './held-rotation.ts'
import { changedKeys, describeRing, type Step } from './rotation.ts'
import { SEALED_COLUMNS } from './sealed-columns.ts'
import { countByKey } from './sealed-statements.ts'
import { COUNT_LOGS } from './vouch-for-logs.ts'

interface MasterKeyView {
  id: string
  is_current: boolean
  /** Whether MASTER_KEYS has it. */
  is_configured: boolean
  /** Another key has this id now than when it was first seen. */
  is_changed: boolean
  /** What D1 has under it. */
  secrets: number
  /** Audit logs whose newest entry is under it: nobody could vouch for them without it. */
  audit_logs: number
  /** Nothing needs it any more, in D1 or in a copy of an Endpoint. */
  is_removable: boolean
}

export interface MasterKeysView {
  keys: MasterKeyView[]
  /** What was never sealed. */
  plain: number
  /** `pending`: the job has not looked since MASTER_KEYS changed; `refused`: the current key is not the one of its id. */
  step: Step | 'pending' | 'refused'
  is_told: boolean
  untold: number
  unsealable: number | null
  updated_at: number | null
}

/** What each master key is still needed for. Counted at this moment; the rest is as the job knows it. */
export async function readMasterKeys({ env, settings }: Deps): Promise<MasterKeysView> {
  const { current, keys } = settings.keyring
  const statements = [LOAD, COUNT_LOGS, ...SEALED_COLUMNS.map(countByKey)].map((sql) => env.DB.prepare(sql))
  const answers = await env.DB.batch<Record<string, unknown>>(statements)
  const [[progress] = [], logs = [], ...counts] = answers.map(({ results }) => results)
  const known = readRotation((progress as { progress: string; updated_at: number } | undefined) ?? null)
  const ring = await describeRing(settings.keyring)
  const changed = changedKeys(known?.rotation ?? null, ring)
  const sealed = total(counts.flat() as unknown as Count[])
  const ending = total(logs as unknown as Count[])
  const is_told = known !== null && known.rotation.told === ring[0]
  const is_same_ring = known?.rotation.ring.join(' ') === ring.join(' ')
  const gone = [...sealed.keys(), ...ending.keys()].filter(isKeyId).filter((id) => !keys.has(id))
  const ids = [...keys.keys(), ...new Set(gone)]
  return {
    keys: ids.map((id) => ({
      id,
      is_current: id === current,
      is_configured: keys.has(id),
      is_changed: changed.includes(id),
      secrets: sealed.get(id) ?? 0,
      audit_logs: ending.get(id) ?? 0,
      is_removable: id !== current && is_told && !sealed.has(id) && !ending.has(id) && !changed.includes(current),
    })),
    plain: sealed.get(null) ?? 0,
    step: changed.includes(current) ? 'refused' : known !== null && is_same_ring ? known.rotation.step : 'pending',
    is_told,
    untold: known?.rotation.untold.length ?? 0,
    unsealable: known?.rotation.unsealable ?? null,
    updated_at: known?.updated_at ?? null,
  }
}

interface Count {
  key_id: string | null
  count: number
}

function total(counts: readonly Count[]): Map<string | null, number> {
  const sums = new Map<string | null, number>()
  for (const { key_id, count } of counts) sums.set(key_id, (sums.get(key_id) ?? 0) + count)
  return sums
}

/** What is no id is a text that somebody has spoilt, and is not for showing. */
function isKeyId(id: string | null): id is string {
  return id !== null && /^[A-Za-z0-9_-]{1,32}$/.test(id)
}
