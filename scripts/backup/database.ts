/** A D1 database as wrangler reaches it: of this machine, or of an account. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { unstable_readConfig } from 'wrangler'
import { z } from 'zod'
import { type Environment, runWrangler, WRANGLER_CONFIG, wranglerEnvironment } from '../build.ts'

export interface Database {
  /** What wrangler.toml calls it. */
  name: string
  exportTo(file: string): Promise<void>
  importFrom(file: string): Promise<void>
  /** The rows of one query. */
  query(sql: string): Promise<Record<string, unknown>[]>
}

/** The database of an environment; `dev` is on this machine, in the folder of `npm start`. */
export function openDatabase(environment: Environment, state_dir: string): Database {
  const { name, id } = configured(environment)
  if (environment === 'dev') return localDatabase(name, id, state_dir)
  const where = ['--remote', '--env', wranglerEnvironment(environment) ?? '', '--config', WRANGLER_CONFIG]
  return {
    name,
    exportTo: async (file) => void (await runWrangler(['d1', 'export', 'DB', ...where, '-y', '--output', file])),
    ...executing(where),
  }
}

function localDatabase(name: string, id: string, state_dir: string): Database {
  const where = ['--local', '--persist-to', resolve(state_dir), '--config', WRANGLER_CONFIG]
  return {
    name,
    exportTo: (file) => exportLocal(name, id, state_dir, file),
    ...executing(where),
  }
}

function executing(where: string[]): Pick<Database, 'importFrom' | 'query'> {
  const execute = (...what: string[]) => runWrangler(['d1', 'execute', 'DB', '--yes', '--json', ...where, ...what])
  return {
    importFrom: async (file) => void (await execute('--file', file)),
    query: async (sql) =>
      answerSchema.parse(JSON.parse(await execute('--command', sql))).flatMap(({ results }) => results),
  }
}

const answerSchema = z.array(z.object({ results: z.array(z.record(z.string(), z.unknown())) }))

// `d1 export --local` takes no --persist-to: it looks beside its configuration, where it finds a link to the state.
async function exportLocal(name: string, id: string, state_dir: string, file: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-export-'))
  try {
    const config = join(dir, 'wrangler.toml')
    await writeFile(config, `[[d1_databases]]\nbinding = "DB"\ndatabase_name = "${name}"\ndatabase_id = "${id}"\n`)
    await mkdir(join(dir, '.wrangler'))
    await symlink(resolve(state_dir), join(dir, '.wrangler/state'))
    await runWrangler(['d1', 'export', 'DB', '--local', '-y', '--config', config, '--output', resolve(file)])
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

const configSchema = z.object({
  d1_databases: z.array(z.object({ binding: z.string(), database_name: z.string(), database_id: z.string() })),
})

function configured(environment: Environment): { name: string; id: string } {
  const config = unstable_readConfig({ config: WRANGLER_CONFIG, env: wranglerEnvironment(environment) })
  const database = configSchema.parse(config).d1_databases.find(({ binding }) => binding === 'DB')
  if (database === undefined) throw new Error(`wrangler.toml binds no database DB for ${environment}`)
  return { name: database.database_name, id: database.database_id }
}
