/** Makes a backup: an export, the checkpoints, and a manifest of both. */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Environment } from '../build.ts'
import type { Client } from '../client.ts'
import { fetchCheckpoints, writeCheckpoints } from './checkpoints.ts'
import type { Database } from './database.ts'
import { exportWhole } from './export-whole.ts'
import { CHECKPOINTS, DATABASE, fingerprint, type Manifest, writeManifest } from './manifest.ts'

export interface BackupRequest {
  database: Database
  environment: Environment
  /** Empty, or not there yet. */
  dir: string
  /** Of the running Postern; without it no checkpoints are kept. */
  operator: Client | null
  now: () => Date
}

/**
 * Counts and hashes are of the export itself, so they are of one moment, whatever is written meanwhile.
 * @throws Error when the folder holds something, or the export cannot be read back
 */
export async function backUp({ database, environment, dir, operator, now }: BackupRequest): Promise<Manifest> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  if ((await readdir(dir)).length > 0) throw new Error(`${dir} is not empty: a backup is never written over`)
  const began_at = now().toISOString()
  const contents = await exportWhole(database, join(dir, DATABASE))
  const names = [DATABASE]
  if (operator !== null) {
    await writeCheckpoints(join(dir, CHECKPOINTS), await fetchCheckpoints(operator, Object.keys(contents.chains)))
    names.push(CHECKPOINTS)
  }
  const files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await fingerprint(join(dir, name))] as const)),
  )
  const ended_at = now().toISOString()
  const manifest = {
    format: 'postern-backup.v1',
    environment,
    database: database.name,
    began_at,
    ended_at,
    files,
    contents,
  } as const
  await writeManifest(dir, manifest)
  return manifest
}
