/** `npm run backup -- --env production`: everything that D1 holds, with what is needed to prove that it is all there. */
import { join } from 'node:path'
import { z } from 'zod'
import { backUp } from './backup/back-up.ts'
import { openDatabase } from './backup/database.ts'
import { Client } from './client.ts'
import { done, fail, readOptions, say } from './terminal.ts'

const options = readOptions({
  env: { type: 'string', default: 'dev' },
  /** A folder that is empty or not there yet. */
  to: { type: 'string' },
  /** Of the running Postern, for the checkpoints of the audit log; its key is POSTERN_OPERATOR_KEY. */
  url: { type: 'string' },
  /** dev only: where `npm start` keeps its data. */
  state: { type: 'string', default: process.env.POSTERN_STATE ?? '.postern' },
})

const environment = z.enum(['dev', 'staging', 'production']).safeParse(options.env)
if (!environment.success) fail(`--env ${options.env} is not one of dev, staging, production`)
const key = process.env.POSTERN_OPERATOR_KEY
if (options.url !== undefined && key === undefined) fail('--url needs an operator key in POSTERN_OPERATOR_KEY')

const began_at = performance.now()
const stamp = new Date().toISOString().replaceAll(':', '-').slice(0, 19)
const dir = options.to ?? join('backups', `${environment.data}-${stamp}`)
const manifest = await backUp({
  database: openDatabase(environment.data, options.state),
  environment: environment.data,
  dir,
  operator: options.url === undefined || key === undefined ? null : new Client(options.url, key),
  now: () => new Date(),
}).catch((error: Error) => fail(`No backup was made.\n\n${error.message}`))

const { contents, files } = manifest
const tables = Object.values(contents.tables)
const rows = tables.reduce((sum, table) => sum + table.rows, 0)
done('exported', `${rows} rows of ${tables.length} tables, schema ${contents.schema_version}`)
for (const [name, { bytes, sha256 }] of Object.entries(files)) done('kept', `${name}, ${bytes} bytes, sha256 ${sha256}`)
done(
  'audit log',
  `chains: ${Object.keys(contents.chains).length}${options.url === undefined ? ', without checkpoints (no --url)' : ''}`,
)
done('backup', `${dir}, in ${((performance.now() - began_at) / 1000).toFixed(1)} s`)
say()
say(`Verify it: npm run restore -- --verify --from ${dir}`)
