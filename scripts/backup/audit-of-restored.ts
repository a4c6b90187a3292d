/** Asks a Postern that runs on the restored database, and on nothing else, whether the audit log holds. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildWorker } from '../build.ts'
import { Client } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { generateSecrets } from '../state.ts'
import { type KeptCheckpoint, pathOfChain } from './checkpoints.ts'

/** Nothing that waits in a backup may be delivered by looking at it. */
const NO_NETWORK = `export default { fetch: () => new Response('verifying a backup', { status: 503 }) }`

export interface ChainVerdict {
  chain: string
  holds: boolean
  entries: number
  /** What is wrong, in Postern's words. */
  fault: string | null
}

interface Answer {
  holds: boolean
  entries: number
  fault: { seq: number; reason: string } | null
  next_cursor: string | null
}

export interface Restoration {
  /** Where the scratch database is. */
  state_dir: string
  port: number
  master_keys: string
  chains: string[]
  checkpoints: KeptCheckpoint[]
}

/** @throws Error when Postern does not start on what was restored */
export async function verifyChains(restored: Restoration): Promise<ChainVerdict[]> {
  const worker_dir = join(restored.state_dir, 'worker')
  await buildWorker(worker_dir)
  const { POSTERN_OPERATOR_KEY } = await generateSecrets()
  const gateway = await startGateway({
    worker_dir,
    state_dir: restored.state_dir,
    port: restored.port,
    bindings: { MASTER_KEYS: restored.master_keys, POSTERN_OPERATOR_KEY },
    instead_of_network: NO_NETWORK,
  })
  if (!gateway.ok) throw new Error(`Port ${restored.port} is taken`)
  try {
    const operator = new Client(gateway.value.url, POSTERN_OPERATOR_KEY)
    const verdicts: ChainVerdict[] = []
    for (const chain of restored.chains) verdicts.push(await verifyOne(operator, chain, restored.checkpoints))
    return verdicts
  } finally {
    await gateway.value.stop()
    await rm(worker_dir, { recursive: true, force: true })
  }
}

async function verifyOne(operator: Client, chain: string, checkpoints: KeptCheckpoint[]): Promise<ChainVerdict> {
  const checkpoint = checkpoints.findLast((kept) => kept.chain === chain)
  let entries = 0
  for (let cursor: string | null = null; ; ) {
    const path = `${pathOfChain(chain)}/verify${cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`}`
    const answer: Answer = checkpoint ? await operator.post(path, { checkpoint }) : await operator.get(path)
    entries += answer.entries
    cursor = answer.next_cursor
    if (answer.fault !== null)
      return { chain, holds: false, entries, fault: `${answer.fault.reason} at ${answer.fault.seq}` }
    if (cursor === null) return { chain, holds: answer.holds, entries, fault: null }
  }
}
