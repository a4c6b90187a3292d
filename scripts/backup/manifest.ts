/** What lies beside an export and says what it is. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { writePrivate } from '../state.ts'
import { contentsSchema } from './contents.ts'

const MANIFEST = 'manifest.json'
/** The export of D1, as wrangler wrote it. */
export const DATABASE = 'database.sql'
/** Signed checkpoints of the audit log, one JSON a line. */
export const CHECKPOINTS = 'checkpoints.ndjson'

const manifestSchema = z.object({
  format: z.literal('postern-backup.v1'),
  environment: z.enum(['dev', 'staging', 'production']),
  database: z.string(),
  /** When the export began: nothing later is in it for sure. */
  began_at: z.iso.datetime(),
  ended_at: z.iso.datetime(),
  files: z.record(z.string(), z.object({ bytes: z.int(), sha256: z.string() })),
  contents: contentsSchema,
})

export type Manifest = z.output<typeof manifestSchema>

export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  await writePrivate(join(dir, MANIFEST), JSON.stringify(manifest, null, 2))
}

/** @throws Error when there is none that this version understands */
export async function readManifest(dir: string): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse(await readFile(join(dir, MANIFEST), 'utf8')))
}

export async function fingerprint(file: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  await pipeline(createReadStream(file), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length
      hash.update(chunk)
    }
  })
  return { bytes, sha256: hash.digest('hex') }
}

/** Names of files that are not as they were written. */
export async function damagedFiles(dir: string, { files }: Manifest): Promise<string[]> {
  const damaged: string[] = []
  for (const [name, { sha256 }] of Object.entries(files)) {
    const found = await fingerprint(join(dir, name)).catch(() => null)
    if (found?.sha256 !== sha256) damaged.push(name)
  }
  return damaged
}
