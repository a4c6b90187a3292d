/** Puts a backup into a database, and looks whether all of it is there. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { differences } from './contents.ts'
import type { Database } from './database.ts'
import { makeRestorable } from './dump.ts'
import { exportWhole } from './export-whole.ts'
import { DATABASE, type Manifest } from './manifest.ts'

/** More than any tenant's settings change between a backup and the loss after it. */
const VERSIONS_AHEAD = 1_000_000

export interface Restored {
  /** Rows that D1 would not have taken in one statement. */
  rows_split: number
  /** What is not as the backup says. */
  differences: string[]
}

/** The tables of a database: none when nothing was ever put into it. */
export async function tablesOf(database: Database): Promise<string[]> {
  const rows = await database.query(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE '!_cf!_%' ESCAPE '!'`,
  )
  return rows.map(({ name }) => String(name))
}

/** Takes every table away: what was in them is in D1's Time Travel alone. */
export async function emptyOut(database: Database): Promise<void> {
  const tables = await tablesOf(database)
  if (tables.length > 0) await database.query(tables.map((name) => `DROP TABLE "${name}"`).join('; '))
}

/**
 * Restores into an empty database, exports that again, and compares every row with the backup.
 * @throws Error when D1 does not take it
 */
export async function restoreInto(database: Database, dir: string, manifest: Manifest): Promise<Restored> {
  const work_dir = await mkdtemp(join(tmpdir(), 'postern-restore-'))
  try {
    const [restorable, again] = [join(work_dir, 'restorable.sql'), join(work_dir, 'again.sql')]
    const rows_split = await makeRestorable(join(dir, DATABASE), restorable)
    await database.importFrom(restorable)
    return { rows_split, differences: differences(manifest.contents, await exportWhole(database, again)) }
  } finally {
    await rm(work_dir, { recursive: true, force: true })
  }
}

/**
 * Makes every Endpoint take the restored settings: it keeps the newest version that it has seen, which may be newer than
 * the backup's, and with it the settings that were lost.
 */
export async function outrunVersions(database: Database): Promise<void> {
  await database.query(`UPDATE tenants SET version = version + ${VERSIONS_AHEAD}`)
}
