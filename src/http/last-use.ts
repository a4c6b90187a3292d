import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import type { Principal } from './access.ts'

const INTERVAL_MS = 60_000

/** Keys that this isolate remembers; with more than that in use, some are asked about more often. */
const KEYS_MAX = 10_000

const noted_at = new Map<string, number>()

// Every isolate of the world notes what it sees: who comes second within a minute writes no row.
const NOTE = `UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?2 - ${INTERVAL_MS})`

/** Keeps when a key was last used, to the minute, after the answer has left. What cannot be kept is left. */
export function noteUse(deps: Deps, { key_id, last_used_at }: Principal): void {
  // A key that lives in the settings has no row.
  if (last_used_at === undefined) return
  const now = deps.now()
  const noted = Math.max(noted_at.get(key_id) ?? 0, last_used_at ?? 0)
  if (now - noted < INTERVAL_MS) return
  if (noted_at.size >= KEYS_MAX) noted_at.clear()
  noted_at.set(key_id, now)
  deps.waitUntil(write(deps, key_id, now))
}

async function write(deps: Deps, key_id: string, now: number): Promise<void> {
  try {
    await deps.env.DB.prepare(NOTE).bind(key_id, now).run()
  } catch (error) {
    report(deps, 'key.use_unnoted', error, { key_id })
  }
}
