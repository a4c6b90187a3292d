import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import type { Run } from '../retention/run.ts'
import type { HeldRotation } from './held-rotation.ts'
import { resealValue } from './reseal-value.ts'
import type { Place, Rotation } from './rotation.ts'
import { type RowKey, SEALED_COLUMNS, type SealedColumn } from './sealed-columns.ts'
import { exchange, keyColumns, selectStale } from './sealed-statements.ts'

const ROWS_PER_PAGE = 50

type StaleRow = Record<string, string> & { stored: string }

/**
 * Seals again what is not under the current key, from where the pass stands to its end. Nothing is written over what
 * somebody has changed meanwhile.
 * @returns whether it came to the end
 */
export async function resealPass(deps: Deps, run: Run, held: HeldRotation): Promise<boolean> {
  for (;;) {
    const { rotation } = held
    const sealed = SEALED_COLUMNS[rotation.pass.column]
    if (sealed === undefined) return true
    if (!run.take(2)) return false
    const rows = await staleRows(deps, sealed, rotation.pass.after)
    if (!(await resealRows(deps, run, held, sealed, rows))) return false
  }
}

async function staleRows({ env, settings }: Deps, sealed: SealedColumn, after: Place): Promise<StaleRow[]> {
  const from = keyColumns(sealed).map((_, i) => after[i] ?? '')
  const { results } = await env.DB.prepare(selectStale(sealed))
    .bind(...from, settings.keyring.current, ROWS_PER_PAGE)
    .run<StaleRow>()
  return results
}

/** A page of a column. False when another run has taken over. */
async function resealRows(
  deps: Deps,
  run: Run,
  held: HeldRotation,
  sealed: SealedColumn,
  rows: readonly StaleRow[],
): Promise<boolean> {
  const { env, settings } = deps
  const statements: D1PreparedStatement[] = []
  let unsealable = 0
  for (const row of rows) {
    const key = keyOf(sealed, row)
    const resealed = await resealValue(settings.keyring, sealed, key, row.stored)
    for (const reason of resealed.unsealable) {
      report(deps, 'secret.unsealable', new Error(reason), { ...sealed.names(key), column: sealed.column.name })
    }
    unsealable += resealed.unsealable.length
    if (resealed.value === null) continue
    const bound = [resealed.value, row.stored, held.run, ...Object.values(key)]
    statements.push(env.DB.prepare(exchange(sealed)).bind(...bound))
  }
  const changes = await held.keep(afterPage(held.rotation, sealed, rows, statements.length, unsealable), statements)
  if (changes === null) return false
  const changed = changes.filter((count) => count > 0).length
  run.count('resealed', changed)
  run.count('changed_meanwhile', changes.length - changed)
  run.count('unsealable', unsealable)
  return true
}

function afterPage(
  rotation: Rotation,
  sealed: SealedColumn,
  rows: readonly StaleRow[],
  resealed: number,
  unsealable: number,
): Rotation {
  const { pass } = rotation
  const last = rows.length < ROWS_PER_PAGE ? undefined : rows.at(-1)
  return {
    ...rotation,
    // Before the first copy becomes old, so that no crash can make it forget that Endpoints have to be told.
    told: resealed > 0 && sealed.is_copied ? null : rotation.told,
    pass: {
      ...pass,
      column: last === undefined ? pass.column + 1 : pass.column,
      after: last === undefined ? [] : Object.values(keyOf(sealed, last)),
      resealed: pass.resealed + resealed,
      unsealable: pass.unsealable + unsealable,
    },
  }
}

function keyOf(sealed: SealedColumn, row: StaleRow): RowKey {
  return Object.fromEntries(keyColumns(sealed).map((name) => [name, row[name] ?? '']))
}
