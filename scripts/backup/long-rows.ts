/** Rows that D1 exports and does not take back: one statement may have 100,000 bytes, and a payload in hexadecimal is longer. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'

/** D1's own limit is 100,000 (developers.cloudflare.com/d1/platform/limits). */
export const STATEMENT_BYTES_MAX = 90_000
/** Of a blob, which is written with two digits a byte. */
const BLOB_PART_BYTES = 30_000
/** Of a text: at most three bytes each, or two quotes. */
const TEXT_PART_LENGTH = 15_000

/**
 * The statements that put a row where an INSERT of the export would, each within the limit: the row with its long
 * members empty, and then a part of them after the other.
 * @param db has the tables; what is tried there is taken back
 */
export function splitInsert(db: DatabaseSync, insert: string): string[] {
  const table = /^INSERT INTO "((?:[^"]|"")+)"/.exec(insert)?.[1]
  if (table === undefined) throw new Error(`A statement of ${insert.length} characters is no INSERT`)
  const row = readRow(db, table, insert)
  const columns = db.prepare(`PRAGMA table_info("${table}")`).all() as { name: string; pk: number }[]
  const where = columns
    .filter(({ pk }) => pk > 0)
    .map(({ name }) => `"${name}" = ${toLiteral(row[name] ?? null)}`)
    .join(' AND ')
  const long = columns.filter(({ name }) => lengthOf(row[name] ?? null) > TEXT_PART_LENGTH)
  const is_long = new Set(long.map(({ name }) => name))
  const values = columns.map(({ name }) => toLiteral(is_long.has(name) ? emptyOf(row[name]) : (row[name] ?? null)))
  const names = columns.map(({ name }) => `"${name}"`).join(',')
  return [
    `INSERT INTO "${table}" (${names}) VALUES(${values.join(',')});`,
    ...long.flatMap(({ name }) => appendInParts({ table, column: name, where }, row[name] ?? null)),
  ]
}

interface Cell {
  table: string
  column: string
  /** Which row, as SQL. */
  where: string
}

/** Statements that add a value to what a member holds, a part each. */
export function appendInParts({ table, column, where }: Cell, value: SQLOutputValue): string[] {
  return partsOf(value).map((part) => `UPDATE "${table}" SET "${column}" = ${appended(column, part)} WHERE ${where};`)
}

/** What the INSERT would store, in a copy of its table that knows no constraint. */
function readRow(db: DatabaseSync, table: string, insert: string): Record<string, SQLOutputValue> {
  db.exec(`CREATE TEMP TABLE one_row AS SELECT * FROM "${table}" WHERE 0`)
  try {
    db.exec(insert.replace(/^INSERT INTO "(?:[^"]|"")+"/, 'INSERT INTO temp.one_row'))
    const row = db.prepare('SELECT * FROM temp.one_row').get()
    if (row === undefined) throw new Error(`A statement of ${insert.length} characters inserts nothing`)
    return row
  } finally {
    db.exec('DROP TABLE temp.one_row')
  }
}

function lengthOf(value: SQLOutputValue): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0
}

function emptyOf(value: SQLOutputValue | undefined): SQLOutputValue {
  return value instanceof Uint8Array ? new Uint8Array() : ''
}

function partsOf(value: SQLOutputValue): SQLOutputValue[] {
  const parts: SQLOutputValue[] = []
  if (value instanceof Uint8Array) {
    for (let from = 0; from < value.length; from += BLOB_PART_BYTES)
      parts.push(value.slice(from, from + BLOB_PART_BYTES))
  }
  if (typeof value === 'string') {
    for (let from = 0, to = 0; from < value.length; from = to) {
      to = Math.min(from + TEXT_PART_LENGTH, value.length)
      // Half of a surrogate pair is no character.
      if (to < value.length && /[\uD800-\uDBFF]/.test(value[to - 1] ?? '')) to--
      parts.push(value.slice(from, to))
    }
  }
  return parts
}

function appended(column: string, part: SQLOutputValue): string {
  const joined = `"${column}" || ${toLiteral(part)}`
  // SQLite joins bytes as they are, and calls them text.
  return part instanceof Uint8Array ? `CAST(${joined} AS BLOB)` : joined
}

/** A value as SQL. */
export function toLiteral(value: SQLOutputValue | Uint8Array): string {
  if (value === null) return 'NULL'
  if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString('hex')}'`
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)
}
