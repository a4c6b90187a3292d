/** An export in a file: read into a database of its own, and made fit to be taken back. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { STATEMENT_BYTES_MAX, splitInsert } from './long-rows.ts'
import { statementsOf } from './statements.ts'

/** SQLite's name for a database in a file that nobody else sees: one of D1 may be larger than memory. */
const ON_DISK = ''

/**
 * Loads an export. The caller closes it.
 * @throws Error when it is no whole export
 */
export async function loadDump(file: string): Promise<DatabaseSync> {
  const db = new DatabaseSync(ON_DISK)
  try {
    db.exec('BEGIN')
    for await (const statement of statementsIn(file)) db.exec(statement)
    db.exec('COMMIT')
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Writes an export again so that D1 takes every statement.
 * @returns how many rows were too long
 */
export async function makeRestorable(from: string, to: string): Promise<number> {
  const db = new DatabaseSync(ON_DISK)
  const out = await open(to, 'w', 0o600)
  let split = 0
  try {
    for await (const statement of statementsIn(from)) {
      if (/^CREATE TABLE/.test(statement)) db.exec(statement)
      const is_long = Buffer.byteLength(statement) > STATEMENT_BYTES_MAX
      if (is_long) split++
      const statements = is_long ? splitInsert(db, statement) : [statement]
      await out.write(`${statements.join('\n')}\n`)
    }
  } finally {
    await out.close()
    db.close()
  }
  return split
}

function statementsIn(file: string): AsyncGenerator<string> {
  return statementsOf(createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 }))
}
