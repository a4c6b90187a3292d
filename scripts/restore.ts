/** `npm run restore`: proves a backup in a scratch database (`--verify`), or puts it into one that counts (`--into`). */
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { z } from 'zod'
import { verifyChains } from './backup/audit-of-restored.ts'
import { type KeptCheckpoint, readCheckpoints } from './backup/checkpoints.ts'
import { openDatabase } from './backup/database.ts'
import { CHECKPOINTS, damagedFiles, type Manifest, readManifest } from './backup/manifest.ts'
import { emptyOut, outrunVersions, type Restored, restoreInto, tablesOf } from './backup/restore-into.ts'
import type { Environment } from './build.ts'
import { findFreePort } from './gateway-process.ts'
import { takeLock } from './lock.ts'
import { done, fail, readOptions, say } from './terminal.ts'

const options = readOptions({
  from: { type: 'string' },
  /** Into a scratch database on this machine; changes nothing else. */
  verify: { type: 'boolean', default: false },
  /** The environment whose database is to hold it. */
  into: { type: 'string' },
  /** What would be typed, for whoever has no terminal. */
  confirm: { type: 'string' },
  /** dev only: where `npm start` keeps its data. */
  state: { type: 'string', default: process.env.POSTERN_STATE ?? '.postern' },
})

if (options.from === undefined) fail('--from FOLDER says which backup')
if (options.verify === (options.into !== undefined)) fail('Either --verify, or --into dev, staging or production')
const dir = options.from
const manifest = await readManifest(dir).catch((error: Error) => fail(`${dir} is no backup: ${error.message}`))
const damaged = await damagedFiles(dir, manifest)
if (damaged.length > 0) fail(`${damaged.join(' and ')} of ${dir} is not as it was written: its SHA-256 is another`)
done('files', `${Object.keys(manifest.files).length} as they were written`)

const began_at = performance.now()
try {
  if (options.verify) await verify()
  else await restore(options.into)
} catch (error) {
  fail((error as Error).message)
}

async function verify(): Promise<void> {
  const state_dir = await mkdtemp(join(tmpdir(), 'postern-scratch-'))
  try {
    tell(await restoreInto(openDatabase('dev', state_dir), dir, manifest), manifest)
    await verifyAuditLog(state_dir)
  } finally {
    await rm(state_dir, { recursive: true, force: true, maxRetries: 5 })
  }
  done('verified', `${dir} of ${manifest.began_at}, in ${seconds()}`)
}

async function verifyAuditLog(state_dir: string): Promise<void> {
  const master_keys = process.env.MASTER_KEYS
  if (master_keys === undefined) {
    say('! audit log  not verified: that needs MASTER_KEYS, as the environment has them')
    return
  }
  const checkpoints: KeptCheckpoint[] =
    CHECKPOINTS in manifest.files ? await readCheckpoints(join(dir, CHECKPOINTS)) : []
  const chains = Object.keys(manifest.contents.chains)
  const verdicts = await verifyChains({ state_dir, port: await findFreePort(), master_keys, chains, checkpoints })
  const broken = verdicts.filter(({ holds }) => !holds)
  if (broken.length > 0)
    throw new Error(`The audit log does not hold: ${broken.map(({ chain, fault }) => `${chain}, ${fault}`).join('; ')}`)
  const entries = verdicts.reduce((sum, verdict) => sum + verdict.entries, 0)
  done('audit log', `${entries} entries hold (chains: ${chains.length}, checkpoints: ${checkpoints.length})`)
}

async function restore(into: string | undefined): Promise<void> {
  const environment = z.enum(['dev', 'staging', 'production']).safeParse(into)
  if (!environment.success) throw new Error(`--into ${into} is not one of dev, staging, production`)
  const database = openDatabase(environment.data, options.state)
  if (environment.data === 'dev') lockState()
  const tables = await tablesOf(database)
  await confirm(tables.length === 0 ? database.name : `replace ${database.name}`, environment.data, tables.length)
  await emptyOut(database)
  tell(await restoreInto(database, dir, manifest), manifest)
  await outrunVersions(database)
  done('settings', 'newer than what any Endpoint has: each takes them with its next call')
  done('restored', `${dir} of ${manifest.began_at} into ${database.name}, in ${seconds()}`)
}

/** A gateway that runs would go on with the database that is taken away under it. */
function lockState(): void {
  mkdirSync(options.state, { recursive: true })
  const owner_pid = takeLock(join(options.state, 'lock'))
  if (owner_pid !== null) throw new Error(`A gateway (process ${owner_pid}) uses ${options.state}: stop it first`)
}

/** Words that nobody types by habit. */
async function confirm(words: string, environment: Environment, tables: number): Promise<void> {
  say(
    tables === 0
      ? `${environment}: the database is empty.`
      : `${environment}: the database holds ${tables} tables, which will be gone.`,
  )
  const typed = options.confirm ?? (process.stdin.isTTY ? await ask(`  Type "${words}" to go on: `) : '')
  if (typed !== words) throw new Error(`Nothing was changed: that needs "${words}", typed or as --confirm "${words}"`)
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question(question)
  terminal.close()
  return answer
}

function tell({ rows_split, differences }: Restored, { contents }: Manifest): void {
  if (differences.length > 0)
    throw new Error(
      `What was restored is not what was backed up:\n${differences.map((line) => `    ${line}`).join('\n')}`,
    )
  const tables = Object.values(contents.tables)
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const sampled = tables.reduce((sum, { sample }) => sum + sample.length, 0)
  done(
    'rows',
    `${rows} of ${tables.length} tables are the same, ${sampled} of them looked at one by one; ${rows_split} were in parts`,
  )
  done('schema', contents.schema_version)
}

function seconds(): string {
  return `${((performance.now() - began_at) / 1000).toFixed(1)} s`
}
