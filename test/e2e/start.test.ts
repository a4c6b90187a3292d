import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../../scripts/client.ts'
import { findWorkerd } from '../../scripts/workerd.ts'
import { waitFor } from './harness.ts'

let state_dir: string
let port: number

beforeAll(async () => {
  state_dir = await mkdtemp(join(tmpdir(), 'postern-start-'))
  port = await freePort()
})

afterAll(() => rm(state_dir, { recursive: true, force: true }))

describe('npm start', () => {
  it('delivers a first message with a signature that verifies', async () => {
    const { code, output } = await runStart()
    expect(output).toContain('tenant, API key and endpoint made')
    expect(output).toContain('✓ verified with standardwebhooks')
    expect(output).toContain('Hello from Postern')
    expect(code).toBe(0)
  })

  it('keeps its secrets from other users of the machine', async () => {
    for (const file of ['secrets.json', 'demo.json']) {
      expect((await stat(join(state_dir, file))).mode & 0o077).toBe(0)
    }
  })

  it('keeps the demo and its data on the next start', async () => {
    const before = await readFile(join(state_dir, 'demo.json'), 'utf8')
    const { code, output } = await runStart()
    expect(output).toContain('kept from last time')
    expect(output).toContain('✓ verified with standardwebhooks')
    expect(await readFile(join(state_dir, 'demo.json'), 'utf8')).toBe(before)
    expect(code).toBe(0)
  })

  it('makes a new key when it has lost the file that held the old one', async () => {
    const { endpoint_id } = JSON.parse(await readFile(join(state_dir, 'demo.json'), 'utf8'))
    await writeFile(join(state_dir, 'demo.json'), '{ damaged')
    const { code, output } = await runStart()
    expect(output).toContain('✓ verified with standardwebhooks')
    expect(JSON.parse(await readFile(join(state_dir, 'demo.json'), 'utf8')).endpoint_id).toBe(endpoint_id)
    expect(code).toBe(0)
  })

  it('makes a new endpoint when the master key that sealed its secret is gone', async () => {
    const { endpoint_id } = JSON.parse(await readFile(join(state_dir, 'demo.json'), 'utf8'))
    await rm(join(state_dir, 'secrets.json'))
    const { code, output } = await runStart()
    expect(output).toContain('✓ verified with standardwebhooks')
    expect(JSON.parse(await readFile(join(state_dir, 'demo.json'), 'utf8')).endpoint_id).not.toBe(endpoint_id)
    expect(code).toBe(0)
  })

  it('points the demo at another port when the receiver’s is taken', async () => {
    const { receiver_port } = JSON.parse(await readFile(join(state_dir, 'demo.json'), 'utf8'))
    const squatter = await listen(receiver_port)
    const { code, output } = await runStart()
    squatter.close()
    expect(output).toContain('✓ verified with standardwebhooks')
    expect(code).toBe(0)
  })

  it('names an option that it does not know', async () => {
    const child = start(['--wat'])
    const output = collect(child)
    expect(await once(child, 'close')).toEqual([1, null])
    expect(output()).toContain("Unknown option '--wat'")
    expect(output()).not.toContain('    at ')
  })

  it('names the taken port and the way out', async () => {
    const squatter = await listen(port)
    const { code, output } = await runStart()
    squatter.close()
    expect(output).toContain(`Port ${port} is taken by another program`)
    expect(output).toContain('PORT=')
    expect(code).toBe(1)
  })

  it('shows what to try next, knows a new operator key at once, lets no second one near its storage, and ends everything on Ctrl-C', async () => {
    const child = start([])
    const output = collect(child)
    await waitFor(() => output().includes('Try this next'), { limit_ms: 30_000, what: 'The start' })
    const operator = new Client(`http://localhost:${port}`, await makeOperatorKey())
    expect((await operator.send('GET', '/v1/tenants')).status).toBe(200)
    const second = await runStart()
    expect(second).toMatchObject({ code: 1, output: expect.stringContaining(`Another gateway (process ${child.pid})`) })
    const exited = once(child, 'exit')
    // A terminal sends it to the whole group.
    process.kill(-(child.pid ?? 0), 'SIGINT')
    expect(await exited).toEqual([0, null])
    const reused = await listen(port)
    reused.close()
  })

  it('leaves no workerd behind when it is killed alone', async () => {
    const child = start([])
    const output = collect(child)
    await waitFor(() => output().includes('Try this next'), { limit_ms: 30_000, what: 'The start' })
    const workerd_pid = (await findWorkerd(child.pid ?? 0)) ?? 0
    expect(isAlive(workerd_pid)).toBe(true)
    child.kill('SIGKILL')
    await waitFor(() => !isAlive(workerd_pid), { limit_ms: 5_000, what: 'The end of workerd' })
  })
})

function start(args: string[]): ChildProcess {
  return spawn(process.execPath, ['scripts/start.ts', '--state', state_dir, ...args], {
    env: { ...process.env, PORT: String(port), NO_COLOR: '1' },
    detached: true,
  })
}

async function makeOperatorKey(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/key-operator.ts', '--state', state_dir])
  return /^pst_test_\S+$/m.exec(stdout)?.[0] ?? ''
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function runStart(): Promise<{ code: number | null; output: string }> {
  const child = start(['--once'])
  const output = collect(child)
  const [code] = await once(child, 'close')
  return { code, output: output() }
}

function collect(child: ChildProcess): () => string {
  let text = ''
  const add = (chunk: Buffer) => {
    text += chunk
  }
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text
}

async function listen(on: number) {
  const server = createServer().listen(on)
  await once(server, 'listening')
  return server
}

async function freePort(): Promise<number> {
  const server = await listen(0)
  const { port: free } = server.address() as AddressInfo
  server.close()
  return free
}
