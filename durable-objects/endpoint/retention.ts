import { firstPosition } from './position.ts'
import type { Store } from './store.ts'

const PAGE = 500
/** At most once an hour, so that deletions share an alarm. */
export const UPKEEP_MS_MIN = 60 * 60 * 1000
/** An old delivery that has not ended (its endpoint is disabled) is looked at again once a day. */
export const UPKEEP_MS_MAX = 24 * UPKEEP_MS_MIN

/** When there will next be something to delete; null for an empty object. */
export function nextUpkeepAt(store: Store, retention_ms: number, now: number): number | null {
  const oldest = store.oldest()
  if (oldest === null) return null
  const { position, finished_at } = oldest
  // Retention counts from the end; the end of one that has none is asked for again a day later.
  const ends_at = (finished_at === null ? Math.ceil(position / firstPosition(1)) : finished_at + 1) + retention_ms
  if (finished_at === null && ends_at <= now) return now + UPKEEP_MS_MAX
  return Math.max(ends_at, now + UPKEEP_MS_MIN)
}

/** Whether there is anything old enough to be looked at. */
export function hasExpired(store: Store, retention_ms: number, now: number): boolean {
  return (store.oldest()?.position ?? Number.POSITIVE_INFINITY) < firstPosition(now - retention_ms)
}

/**
 * Deletes deliveries that have ended longer ago than retention, a page a turn.
 * @param watermark below it the read model knows all: what is old here may be news to it while D1 does not answer
 */
export async function deleteExpired(store: Store, retention_ms: number, watermark: number, now: number): Promise<void> {
  while (store.deleteFinished(now - retention_ms, watermark, PAGE)) await scheduler.wait(0)
}
