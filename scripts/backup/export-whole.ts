/** Exports a database so that what the file restores is what the database holds. */
import { appendFile, chmod } from 'node:fs/promises'
import { type Contents, describeContents } from './contents.ts'
import type { Database } from './database.ts'
import { loadDump } from './dump.ts'
import { mendingsOf } from './newlines.ts'

/**
 * @returns what the file holds, found by loading it
 * @throws Error when wrangler exports nothing, or what cannot be read back
 */
export async function exportWhole(database: Database, file: string): Promise<Contents> {
  await database.exportTo(file)
  await chmod(file, 0o600)
  const db = await loadDump(file)
  try {
    const mendings = await mendingsOf(db, database)
    for (const mending of mendings) db.exec(mending)
    await appendFile(file, mendings.map((mending) => `\n${mending}`).join(''))
    return describeContents(db)
  } finally {
    db.close()
  }
}
