/** SQL over a sealed column, whatever its table: which rows, how many, and the exchange of one for another. */
import { getTableName } from 'drizzle-orm'
import { getTableConfig } from 'drizzle-orm/sqlite-core'
import type { SealedColumn } from './sealed-columns.ts'

/** Columns of the primary key, in its order. */
export function keyColumns({ table }: Pick<SealedColumn, 'table'>): string[] {
  const { columns, primaryKeys } = getTableConfig(table)
  return (primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary)).map(({ name }) => name)
}

// As `reseal-value.ts` walks it. What is a member named `sealed` right below the top was never sealed, whatever its name.
const IS_SEALED = `part.type = 'text' AND part.key = 'sealed' AND part.path <> '$'`
const IS_PLAIN = `part.type = 'text' AND part.path = '$'`
const KEY_ID = `substr(part.value, 1, max(instr(part.value, '.') - 1, 0))`

function partsOf({ column, holds }: SealedColumn): string {
  return `json_tree(${holds === 'text' ? `json_array(json_object('sealed', ${column.name}))` : column.name}) AS part`
}

/** Rows behind a place (its parameters: the key) with something that is not sealed under a key (?last but one), at most ?last. */
export function selectStale(sealed: SealedColumn): string {
  const key = keyColumns(sealed)
  const count = key.length
  return `SELECT ${key.join(', ')}, ${sealed.column.name} AS stored FROM ${getTableName(sealed.table)}
    WHERE (${key.join(', ')}) > (${key.map((_, i) => `?${i + 1}`).join(', ')}) AND EXISTS (
      SELECT 1 FROM ${partsOf(sealed)} WHERE (${IS_PLAIN}) OR (${IS_SEALED} AND ${KEY_ID} <> ?${count + 1}))
    ORDER BY ${key.join(', ')} LIMIT ?${count + 2}`
}

/** What is sealed under each key, and what (its `key_id` is null) was never sealed. */
export function countByKey(sealed: SealedColumn): string {
  return `SELECT CASE WHEN ${IS_PLAIN} THEN NULL ELSE ${KEY_ID} END AS key_id, COUNT(*) AS count
    FROM ${getTableName(sealed.table)}, ${partsOf(sealed)} WHERE (${IS_PLAIN}) OR (${IS_SEALED}) GROUP BY 1`
}

/**
 * Puts a value (?1) where another (?2) was read, unless somebody has changed it since, or another run goes on in place of this one (?3).
 * Further parameters: the key of the row.
 */
export function exchange(sealed: SealedColumn): string {
  const { column, version } = sealed
  const is_row = keyColumns(sealed).map((name, i) => `${name} = ?${i + 4}`)
  const grown = version === undefined ? '' : `, ${version.name} = ${version.name} + 1`
  return `UPDATE ${getTableName(sealed.table)} SET ${column.name} = ?1${grown}
    WHERE ${is_row.join(' AND ')} AND ${column.name} = ?2 AND EXISTS (${IS_MINE('?3')})`
}

/** Whether the run of this id is the one that goes on. */
export const IS_MINE = (run: string) =>
  `SELECT 1 FROM upkeep WHERE job = 'master_keys' AND progress ->> '$.run' = ${run}`
