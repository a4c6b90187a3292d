/** Signed checkpoints of the audit log, as a running Postern hands them out: wrangler can list no bucket. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Client } from '../client.ts'
import { writePrivate } from '../state.ts'

/** Postern's own checks look closer, when it is given one. */
const checkpointSchema = z.looseObject({ chain: z.string(), seq: z.int(), hash: z.string() })

export type KeptCheckpoint = z.output<typeof checkpointSchema>

/** The routes of a chain's log. */
export function pathOfChain(chain: string): string {
  return chain === '$operator' ? '/v1/audit-log' : `/v1/tenants/${chain}/audit-log`
}

/** Of every chain, oldest first. */
export async function fetchCheckpoints(operator: Client, chains: string[]): Promise<KeptCheckpoint[]> {
  const all: KeptCheckpoint[] = []
  for (const chain of chains)
    for await (const checkpoint of operator.list(`${pathOfChain(chain)}/checkpoints`))
      all.push(checkpointSchema.parse(checkpoint))
  return all
}

export function writeCheckpoints(file: string, checkpoints: KeptCheckpoint[]): Promise<void> {
  return writePrivate(file, checkpoints.map((checkpoint) => JSON.stringify(checkpoint)).join('\n'))
}

export async function readCheckpoints(file: string): Promise<KeptCheckpoint[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '')
  return lines.map((line) => checkpointSchema.parse(JSON.parse(line)))
}
