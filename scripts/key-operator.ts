/** `npm run key:operator`: makes an operator key, whose hash alone goes into D1, and shows it once. */

import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { z } from 'zod'
import { makeKey } from '../src/keys/make-key.ts'
import type { KeyRow } from '../src/keys/table.ts'
import { type Environment, runWrangler, WRANGLER_CONFIG, wranglerEnvironment } from './build.ts'
import { fail, readOptions, say } from './terminal.ts'

const options = readOptions({
  /** `dev` is the gateway of `npm start`; the others are reached with wrangler's login. */
  env: { type: 'string', default: 'dev' },
  /** Stores nothing: for whoever keeps the key as the secret POSTERN_OPERATOR_KEY. */
  print: { type: 'boolean', default: false },
  name: { type: 'string', default: 'npm run key:operator' },
  /** dev only: where `npm start` keeps its data. */
  state: { type: 'string', default: process.env.POSTERN_STATE ?? '.postern' },
})

const environment = z.enum(['dev', 'staging', 'production']).safeParse(options.env)
if (!environment.success) fail(`--env ${options.env} is not one of dev, staging, production`)

const mode = environment.data === 'production' ? 'live' : 'test'
const { row, key } = await makeKey(null, { name: options.name, role: 'operator', mode }, Date.now(), randomBytes)
if (!options.print) {
  await insert(row, environment.data).catch((error: Error) => {
    fail(`The key could not be stored. Is the database migrated?\n\n${error.message}`)
  })
}
const kept = options.print ? 'stored nowhere: keep it as the secret POSTERN_OPERATOR_KEY' : 'shown this once'
say(`An operator key for ${environment.data}, ${kept}:`)
say()
process.stdout.write(`${key}\n`)

async function insert(row: KeyRow, environment: Environment): Promise<void> {
  const entries = Object.entries(row)
  const columns = entries.map(([column]) => column).join(', ')
  const values = entries.map(([, value]) => toLiteral(value)).join(', ')
  const where =
    environment === 'dev'
      ? ['--local', '--persist-to', resolve(options.state)]
      : ['--remote', '--env', wranglerEnvironment(environment) ?? '']
  const command = `INSERT INTO api_keys (${columns}) VALUES (${values})`
  await runWrangler(['d1', 'execute', 'DB', '--yes', '--config', WRANGLER_CONFIG, ...where, '--command', command])
}

function toLiteral(value: KeyRow[keyof KeyRow]): string {
  if (Array.isArray(value)) return toLiteral(JSON.stringify(value))
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)
}
