/**
 * `npm run test:fuzz`: schemathesis, an outside fuzzer of APIs, against a live gateway, as an operator and as an
 * admin of a tenant. It needs Python, and installs itself below node_modules/.cache on first use.
 *
 *   npm run test:fuzz [-- --seconds 120] [--seed 1]
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTarget } from '../test/security/fuzz/target.ts'
import { buildWorker, PROJECT_DIR } from './build.ts'
import type { GatewayProcess } from './gateway-process.ts'
import { done, fail, heading, readOptions, say } from './terminal.ts'

const VERSION = '4.32.5'
/** Where it keeps what it finds from run to run. */
const CACHE = join(PROJECT_DIR, 'node_modules/.cache/schemathesis')
const VENV = join(CACHE, VERSION)
const CONFIG = join(PROJECT_DIR, 'scripts/schemathesis.toml')

const options = readOptions({ seconds: { type: 'string', default: '120' }, seed: { type: 'string', default: '1' } })

if (!(await install())) {
  say('! skipped: no Python 3.10 or newer with venv, or no registry to get schemathesis from')
  process.exit(0)
}
const worker_dir = await mkdtemp(join(tmpdir(), 'postern-schemathesis-'))
await buildWorker(worker_dir)
const gateway = await startTarget(worker_dir)
try {
  for (const [who, key] of await keys(gateway)) {
    heading(`schemathesis as ${who}`)
    const passed = await fuzz(gateway, key, who === 'an admin')
    if (passed) done('passed', who)
    else process.exitCode = 1
  }
} finally {
  await gateway.close()
  await rm(worker_dir, { recursive: true, force: true })
}
if (process.exitCode === 1) fail('schemathesis found something, see above')

/** False when this machine cannot have it. */
async function install(): Promise<boolean> {
  if (existsSync(schemathesis())) return true
  await mkdir(CACHE, { recursive: true })
  const made = await run('python3', ['-m', 'venv', VENV])
  if (made !== 0) return false
  const pip = join(VENV, 'bin/pip')
  const installed = await run(pip, ['install', '--quiet', '--disable-pip-version-check', `schemathesis==${VERSION}`])
  if (installed !== 0) await rm(VENV, { recursive: true, force: true })
  return installed === 0
}

function schemathesis(): string {
  return join(VENV, 'bin/schemathesis')
}

/** The operator's key, and one of an admin whose tenant is what the examples of the document name. */
async function keys({ operator }: GatewayProcess): Promise<[string, string][]> {
  await operator.post('/v1/tenants', { id: 'acme', name: 'Acme' })
  const url = 'https://hooks.example.com/200'
  await operator.post('/v1/tenants/acme/endpoints', { url })
  await operator.post('/v1/tenants/acme/event-types', { name: 'invoice.paid' })
  const { key } = await operator.post<{ key: string }>('/v1/tenants/acme/keys', { name: 'admin', role: 'admin' })
  return [
    ['an admin', key],
    ['the operator', operator.key],
  ]
}

/** @returns whether nothing was found */
async function fuzz(gateway: GatewayProcess, key: string, is_tenant: boolean): Promise<boolean> {
  const seconds = String(Number(options.seconds) / 2)
  const args = ['--config-file', CONFIG, 'run', `${gateway.url}/openapi.json`]
  const about = ['--header', `Authorization: Bearer ${key}`, '--seed', options.seed ?? '1', '--max-time', seconds]
  const only = is_tenant ? ['--include-path-regex', '^/v1/tenants/\\{tenant\\}'] : []
  // Without its tenant there is nothing left to test.
  const without = ['--exclude-name', 'DELETE /v1/tenants/{tenant}']
  return (await run(schemathesis(), [...args, ...about, ...only, ...without])) === 0
}

/** The exit code; another than 0 too where there is no such program. */
function run(program: string, args: string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: CACHE, stdio: 'inherit', env: { ...process.env, NO_COLOR: '1' } })
    child.once('error', () => resolve(127))
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
