import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client } from './client.ts'
import type { GatewayOptions } from './gateway.ts'
import { generateSecrets, type Secrets } from './state.ts'
import { findWorkerd, residentBytes } from './workerd.ts'

/** What serve.ts says when it is. */
const READY = 'ready'

const SERVE = fileURLToPath(new URL('serve.ts', import.meta.url))

// Miniflare needs less than a second; a machine under load gets some more.
const START_LIMIT_MS = 20_000

/** A gateway that can be killed without warning and started again on the same storage. */
export class GatewayProcess {
  readonly url: string
  /** What it was started with, for commands that need them too. */
  readonly secrets: Secrets
  /** With the operator's key. */
  readonly operator: Client
  readonly log_file: string
  readonly inspector_port: number
  /** Where it keeps everything. */
  readonly state_dir: string
  readonly #options: GatewayOptions
  #child: ChildProcess | undefined

  private constructor(options: GatewayOptions & { inspector_port: number }, secrets: Secrets) {
    const { port, inspector_port, state_dir } = options
    this.url = `http://localhost:${port}`
    this.operator = new Client(this.url, secrets.POSTERN_OPERATOR_KEY)
    this.secrets = secrets
    this.log_file = join(state_dir, 'gateway.log')
    this.inspector_port = inspector_port
    this.state_dir = state_dir
    this.#options = options
  }

  /**
   * Starts on a free port, with new storage and new secrets.
   * @param worker_dir a build by `buildWorker`
   * @param more settings for every start
   */
  static async start(
    worker_dir: string,
    more: Pick<GatewayOptions, 'instead_of_network'> & { bindings?: Record<string, string> } = {},
  ): Promise<GatewayProcess> {
    const state_dir = await mkdtemp(join(tmpdir(), 'postern-'))
    const secrets = await generateSecrets()
    const [port, inspector_port] = [await findFreePort(), await findFreePort()]
    const options = { ...more, worker_dir, state_dir, port, inspector_port, bindings: { ...secrets, ...more.bindings } }
    const gateway = new GatewayProcess(options, secrets)
    await gateway.restart()
    return gateway
  }

  /**
   * Starts after {@link kill} or {@link stop}, on the same port and storage.
   * @param bindings settings for this start alone
   */
  async restart(bindings: Record<string, string> = {}): Promise<void> {
    const log = openSync(this.log_file, 'a')
    const options = { ...this.#options, bindings: { ...this.#options.bindings, ...bindings } }
    const child = spawn(process.execPath, [SERVE, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', log],
      // A process group of its own, so that one signal ends workerd too.
      detached: true,
    })
    this.#child = child
    const failed = new AbortController()
    child.once('exit', () => failed.abort())
    const signal = AbortSignal.any([failed.signal, AbortSignal.timeout(START_LIMIT_MS)])
    await saysReady(child, signal).catch(async () => {
      await this.kill()
      throw new Error(`The gateway did not start:\n${await readFile(this.log_file, 'utf8')}`)
    })
  }

  /** kill -9 of everything at once: no chance to finish, flush or say goodbye. */
  async kill(): Promise<void> {
    await this.#end((pid) => process.kill(-pid, 'SIGKILL'))
  }

  /** Ends in good order and forgets the storage. */
  async close(): Promise<void> {
    await this.#end((pid) => process.kill(pid, 'SIGTERM'))
    await rm(this.state_dir, { recursive: true, force: true, maxRetries: 5 })
  }

  /** Memory that the whole of workerd holds, with the storage and queues it emulates, in bytes. */
  async workerdBytes(): Promise<number> {
    return residentBytes(await this.workerdPid())
  }

  async workerdPid(): Promise<number> {
    const pid = this.#child?.pid === undefined ? undefined : await findWorkerd(this.#child.pid)
    if (pid === undefined) throw new Error('workerd is not running')
    return pid
  }

  async #end(signal: (pid: number) => void): Promise<void> {
    const child = this.#child
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    signal(child.pid)
    await exited
  }
}

async function saysReady(child: ChildProcess, signal: AbortSignal): Promise<void> {
  if (child.stdout === null) throw new Error('no standard output')
  for await (const line of createInterface({ input: child.stdout, signal })) if (line === READY) return
  throw new Error('it ended')
}

/** A port of this machine that nobody listens on. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
