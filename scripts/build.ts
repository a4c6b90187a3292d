import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const PROJECT_DIR = fileURLToPath(new URL('..', import.meta.url).href)
export const WRANGLER = join(PROJECT_DIR, 'node_modules/wrangler/bin/wrangler.js')

export const WRANGLER_CONFIG = join(PROJECT_DIR, 'wrangler.toml')
export const MIGRATIONS_DIR = join(PROJECT_DIR, 'migrations')
/** Secrets of `npm run dev`. */
export const VARS_FILE = join(PROJECT_DIR, '.dev.vars')

/** The environments of wrangler.toml; `dev` is its top level. */
export type Environment = 'dev' | 'staging' | 'production'

/** What wrangler calls an environment: the top level has no name. */
export function wranglerEnvironment(environment: Environment): string | undefined {
  return environment === 'dev' ? undefined : environment
}

/**
 * Bundles the Worker exactly as a deploy would, without an account or a network.
 * @param out_dir where index.js, its source map and other modules go
 * @param entry another `index.ts` than the one that wrangler.toml names
 * @throws Error holding wrangler's own report when the Worker does not build
 */
export async function buildWorker(out_dir: string, environment: Environment = 'dev', entry?: string): Promise<void> {
  const name = wranglerEnvironment(environment) ?? ''
  const script = entry === undefined ? [] : [entry]
  const options = ['deploy', ...script, '--dry-run', '--outdir', out_dir, '--config', WRANGLER_CONFIG, '--env', name]
  await runWrangler(options).catch((error: Error) => {
    throw new Error(`The Worker does not build:\n${error.message}`)
  })
}

/** Of answers as JSON. */
const WRANGLER_OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/**
 * Runs wrangler without a terminal.
 * @returns what it wrote
 * @throws Error holding wrangler's own report
 */
export async function runWrangler(options: string[]): Promise<string> {
  // The banner looks for updates and metrics phone home: neither belongs in a script.
  const env = { ...process.env, WRANGLER_HIDE_BANNER: 'true', WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' }
  const limits = { cwd: PROJECT_DIR, env, maxBuffer: WRANGLER_OUTPUT_BYTES_MAX }
  const run = promisify(execFile)(process.execPath, [WRANGLER, ...options], limits)
  const { stdout } = await run.catch((cause: { stdout?: string; stderr?: string }) => {
    throw new Error(cause.stderr || cause.stdout || String(cause))
  })
  return stdout
}

// Wrangler's default module rules, by the extensions that its bundles keep.
const MODULE_TYPES = {
  '.js': 'ESModule',
  '.wasm': 'CompiledWasm',
  '.html': 'Text',
  '.sql': 'Text',
  '.txt': 'Text',
  '.bin': 'Data',
} as const

/** A module of the bundle, as Miniflare takes it. */
export interface WorkerModule {
  type: (typeof MODULE_TYPES)[keyof typeof MODULE_TYPES]
  path: string
  contents: Uint8Array
}

/** The modules of a build, the entry first. */
export async function readModules(worker_dir: string): Promise<WorkerModule[]> {
  const names = (await readdir(worker_dir)).filter((name) => name !== 'index.js' && extname(name) in MODULE_TYPES)
  return Promise.all(
    ['index.js', ...names].map(async (name) => ({
      type: MODULE_TYPES[extname(name) as keyof typeof MODULE_TYPES],
      path: join(worker_dir, name),
      contents: await readFile(join(worker_dir, name)),
    })),
  )
}
