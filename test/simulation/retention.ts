/** What retention does to the object's disk. */
import { firstPosition } from '../../durable-objects/endpoint/position.ts'
import type { Disk } from './disk.ts'
import { HOUR } from './given.ts'
import type { ModelRows, Row } from './rows.ts'
import type { Settings } from './scenario.ts'

export const UPKEEP_MS_MIN = HOUR
const UPKEEP_MS_MAX = 24 * HOUR
/** Small, so that runs come past it. */
const BURST_WORTH_A_MARK = 20

/** When there will next be something to delete; null for an empty object. */
export function nextUpkeepAt(rows: ModelRows, settings: Settings | null, now: number): number | null {
  const oldest = rows.oldestPosition()
  if (oldest === null || settings === null) return null
  const ends_at = Math.ceil(oldest / firstPosition(1) + settings.retention_ms)
  return ends_at <= now ? now + UPKEEP_MS_MAX : Math.max(ends_at, now + UPKEEP_MS_MIN)
}

/** Deliveries that ended before this, and of which the read model knows. */
export function expired({ rows, meta }: Disk, ended_before: number, watermark: number): Row[] {
  return rows
    .positionsBelow(Math.min(firstPosition(ended_before), watermark))
    .map((position) => rows.at(position))
    .filter(({ finished_at, position }) => {
      return finished_at !== null && finished_at < ended_before && !meta.unprojected.has(position)
    })
}

/** After a burst a quiet object spares its next restart what has been settled since. */
export function markBurst(disk: Disk, watermark: number): void {
  const marked = Math.max(disk.rows.newest()?.watermark ?? 0, disk.meta.watermark)
  if (disk.rows.positionsFrom(marked).length >= BURST_WORTH_A_MARK) disk.write({ watermark })
}
