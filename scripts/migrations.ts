import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { D1Database } from '@cloudflare/workers-types'
import { unstable_splitSqlQuery } from 'wrangler'

// The same table as `wrangler d1 migrations apply` keeps, so that either may go on where the other stopped.
const CREATE_BOOKKEEPING = `CREATE TABLE IF NOT EXISTS d1_migrations(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`

/**
 * Applies the migrations that the database does not have yet, each whole or not at all.
 * @returns the names of those applied now, in order
 */
export async function applyMigrations(db: D1Database, dir: string): Promise<string[]> {
  await db.prepare(CREATE_BOOKKEEPING).run()
  const { results } = await db.prepare('SELECT name FROM d1_migrations').all<{ name: string }>()
  const applied = new Set(results.map((row) => row.name))
  const names = (await readdir(dir)).filter((name) => name.endsWith('.sql') && !applied.has(name)).sort()
  for (const name of names) {
    const statements = unstable_splitSqlQuery(await readFile(join(dir, name), 'utf8'))
    const record = db.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name)
    await db.batch([...statements.map((statement) => db.prepare(statement)), record])
  }
  return names
}
