import { join } from 'node:path'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, MiniflareCoreError } from 'miniflare'
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from 'wrangler'
import type { Result } from '../src/lib/result.ts'
import { type Environment, MIGRATIONS_DIR, readModules, WRANGLER_CONFIG, wranglerEnvironment } from './build.ts'
import { applyMigrations } from './migrations.ts'
import { findWorkerd, killWithParent } from './workerd.ts'

export interface GatewayOptions {
  /** A build by `buildWorker`. */
  worker_dir: string
  /** Where D1, R2 and the Endpoints live on; the layout is that of `wrangler dev --persist-to`. */
  state_dir: string
  port: number
  /** Where V8's inspector listens, for tools that measure. */
  inspector_port?: number
  environment?: Environment
  /** Secrets, and settings that differ from wrangler.toml. */
  bindings: Record<string, string>
  /** A Worker, as a module's text, that answers every request that Postern makes: nothing leaves this machine. */
  instead_of_network?: string
  /** One line that the Worker or the runtime logged. */
  on_log?: (line: string) => void
}

export interface Gateway {
  url: string
  /** Names of the migrations that this start applied. */
  migrated: string[]
  stop(): Promise<void>
}

/**
 * Runs a built Postern on workerd, with storage that survives the process. Queues do not: locally
 * their messages live in memory, which makes every restart a test of the custody rule.
 */
export async function startGateway(options: GatewayOptions): Promise<Result<Gateway, 'port_taken'>> {
  const settings = await miniflareOptions(options)
  const miniflare = withoutSignalHandlers(() => new Miniflare(settings))
  try {
    await miniflare.ready
    const migrated = await applyMigrations(await miniflare.getD1Database('DB'), MIGRATIONS_DIR)
    const workerd_pid = await findWorkerd(process.pid)
    const watcher = workerd_pid === undefined ? undefined : killWithParent(workerd_pid)
    const stop = async () => {
      await miniflare.dispose()
      watcher?.kill('SIGKILL')
    }
    return { ok: true, value: { url: `http://localhost:${options.port}`, migrated, stop } }
  } catch (error) {
    await miniflare.dispose().catch(() => {})
    if (error instanceof MiniflareCoreError && error.code === 'ERR_ADDRESS_IN_USE') {
      return { ok: false, error: 'port_taken' }
    }
    throw error
  }
}

async function miniflareOptions(options: GatewayOptions) {
  const environment = wranglerEnvironment(options.environment ?? 'dev')
  const config = {
    ...unstable_readConfig({ config: WRANGLER_CONFIG, env: environment }),
    // Wrangler looks beside it for .dev.vars and .env, which are for `npm run dev`: a gateway gets
    // only what it is given.
    userConfigPath: join(options.state_dir, 'wrangler.toml'),
  }
  // The rules say how to bundle, which has been done.
  const { modulesRules: _, bindings, ...worker } = unstable_getMiniflareWorkerOptions(config, environment).workerOptions
  const { instead_of_network } = options
  const postern = {
    ...worker,
    name: config.name,
    bindings: { ...(bindings as object), ...options.bindings },
    modules: await readModules(options.worker_dir),
    modulesRoot: options.worker_dir,
    ...(instead_of_network !== undefined && { outboundService: 'instead-of-network' }),
  }
  const stand_ins =
    instead_of_network === undefined
      ? []
      : [{ name: 'instead-of-network', modules: true, script: instead_of_network, compatibilityDate: '2026-11-01' }]
  return convertV4MiniflareOptions({
    workers: [postern, ...stand_ins],
    host: '127.0.0.1',
    port: options.port,
    ...(options.inspector_port !== undefined && { inspectorPort: options.inspector_port }),
    resourcePersistencePath: join(options.state_dir, 'v3'),
    // Otherwise it would ask Cloudflare where we are.
    cf: false,
    logRequests: false,
    log: new LineLog(options.on_log),
    handleStructuredLogs: ({ message }) => options.on_log?.(message),
  })
}

// Miniflare ends the process on a signal before anybody else's listener had its turn. Whoever starts
// a gateway stops it; and if they can't, `killWithParent` does.
function withoutSignalHandlers<Made>(make: () => Made): Made {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const kept = signals.map((signal) => process.listeners(signal))
  const made = make()
  for (const [i, signal] of signals.entries()) {
    for (const listener of process.listeners(signal)) if (!kept[i]?.includes(listener)) process.off(signal, listener)
  }
  return made
}

/** Miniflare's own words, as lines for {@link GatewayOptions.on_log}. */
class LineLog extends Log {
  #write: ((line: string) => void) | undefined

  constructor(write: ((line: string) => void) | undefined) {
    super(LogLevel.WARN)
    this.#write = write
  }

  protected override log(message: string): void {
    this.#write?.(message)
  }
}
