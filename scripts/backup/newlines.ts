/**
 * What D1's export gets wrong: it writes a line break in a text as `\n` and restores every `\n`, so a text that holds a
 * line break and the two characters `\n` as well comes back with one line break too many. Transforms are such texts.
 */
import type { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import type { Database } from './database.ts'
import { appendInParts, toLiteral } from './long-rows.ts'

/** `\n` and `\r`: the code of the character, and of the letter that it is written with. */
const BREAKS = [
  [10, 110],
  [13, 114],
] as const

const BACKSLASH = 92

/**
 * The statements that set such texts right after an export.
 * @param exported the export, as it reads
 * @param database where it was taken from
 */
export async function mendingsOf(exported: DatabaseSync, database: Pick<Database, 'query'>): Promise<string[]> {
  const mendings: string[] = []
  for (const { table, key, column } of columnsWithBreaks(exported)) {
    const ambiguous = BREAKS.map(
      ([is, letter]) =>
        `(instr("${column}", char(${is})) > 0 AND instr("${column}", char(${BACKSLASH}, ${letter})) > 0)`,
    )
    const columns = [...key.map((name) => `"${name}"`), `hex("${column}") AS hex_of_text`]
    const sql = `SELECT ${columns.join(', ')} FROM "${table}" WHERE ${ambiguous.join(' OR ')}`
    for (const row of await database.query(sql)) {
      const where = key.map((name) => `"${name}" = ${toLiteral(keyPart.parse(row[name]))}`).join(' AND ')
      const text = Buffer.from(z.string().parse(row.hex_of_text), 'hex').toString('utf8')
      mendings.push(`UPDATE "${table}" SET "${column}" = '' WHERE ${where};`)
      mendings.push(...appendInParts({ table, column, where }, text))
    }
  }
  return mendings
}

const keyPart = z.union([z.string(), z.number()])

interface TextColumn {
  table: string
  key: string[]
  column: string
}

/** Whatever was misread has a line break now. To look here costs nothing, and few columns are left to ask D1 about. */
function columnsWithBreaks(db: DatabaseSync): TextColumn[] {
  return db
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`)
    .all()
    .map(({ name }) => String(name))
    .flatMap((table) => {
      const columns = db.prepare(`PRAGMA table_info("${table}")`).all() as { name: string; pk: number; type: string }[]
      const key = columns.filter(({ pk }) => pk > 0).map(({ name }) => name)
      return columns
        .filter(({ type }) => type.toLowerCase() === 'text')
        .filter(({ name }) => {
          const breaks = BREAKS.map(([is]) => `instr("${name}", char(${is})) > 0`).join(' OR ')
          return db.prepare(`SELECT 1 FROM "${table}" WHERE ${breaks} LIMIT 1`).get() !== undefined
        })
        .map(({ name }) => ({ table, key, column: name }))
    })
}
