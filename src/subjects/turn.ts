/** An erasure in the hands of one run: what it has come to is saved together with what it does. */
import type { Deps } from '../deps.ts'
import type { Run } from '../retention/run.ts'
import type { ErasureRow, Progress } from './table.ts'

export interface Turn {
  deps: Deps
  run: Run
  /** As it was last saved. */
  erasure: ErasureRow
  /** Tells this run from any other. */
  lease: number
}

/** Another run has taken over, or the tenant is gone. */
export class LeaseLost extends Error {}

/** What a save counts of the statement before it in the same batch, and of what it is about to delete. */
export interface Counted {
  /** The column that counts what `first` changes. */
  changes?: 'unmatched_messages' | 'dead_letters'
  payloads?: number
}

/**
 * Saves where the run has come to, in one batch with what it does there; answers how many rows that changed.
 * @throws LeaseLost; then nothing was done
 */
export async function save(
  turn: Turn,
  change: Partial<Progress>,
  counted: Counted = {},
  first?: D1PreparedStatement,
): Promise<number> {
  const { deps, erasure, lease } = turn
  const progress = JSON.stringify({ ...erasure.progress, ...change })
  const counting = counted.changes === undefined ? '' : `, ${counted.changes} = ${counted.changes} + changes()`
  const saving = deps.env.DB.prepare(`${SAVE}${counting} ${HELD} RETURNING *`).bind(
    erasure.tenant_id,
    erasure.id,
    lease,
    progress,
    counted.payloads ?? 0,
  )
  const results = await deps.env.DB.batch<Stored>(first === undefined ? [saving] : [first, saving])
  const stored = results.at(-1)?.results[0]
  if (stored === undefined) throw new LeaseLost()
  turn.erasure = readErasure(stored)
  return first === undefined ? 0 : (results[0]?.meta.changes ?? 0)
}

/** As D1 has it. */
export type Stored = Omit<ErasureRow, 'progress'> & { progress: string }

export function readErasure({ progress, ...row }: Stored): ErasureRow {
  return { ...row, progress: JSON.parse(progress) as Progress }
}

/** A condition for what a batch does: nobody else has taken over. */
export const HELD = 'WHERE tenant_id = ?1 AND id = ?2 AND run_after = ?3 AND completed_at IS NULL'

const SAVE = 'UPDATE erasures SET progress = ?4, payloads = payloads + ?5'
