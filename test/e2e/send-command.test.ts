/** `npm run send` as somebody types it: against servers that providers' own packages guard, and beside `npm start`. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verify } from '@octokit/webhooks-methods'
import Stripe from 'stripe'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from './harness.ts'

interface Run {
  code: number | null
  output: string
}

let state_dir: string

beforeAll(async () => {
  state_dir = await mkdtemp(join(tmpdir(), 'postern-send-'))
})
afterAll(() => rm(state_dir, { recursive: true, force: true }))

describe('npm run send, to a server that is none of ours', () => {
  const SECRET = 'the secret that both of them know'
  const received: string[] = []

  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString()
    const is_genuine = await believes(request, body)
    if (is_genuine) received.push(request.headers['x-github-delivery']?.toString() ?? JSON.parse(body).id)
    response
      .writeHead(is_genuine ? 200 : 400, { 'x-request-id': 'of-their-own' })
      .end(is_genuine ? 'thanks' : 'no such thing')
  })
  let origin: string

  beforeAll(async () => {
    await once(server.listen(0), 'listening')
    origin = `http://localhost:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => server.close())

  async function believes({ headers, url }: IncomingMessage, body: string): Promise<boolean> {
    const signature = headers['stripe-signature'] ?? headers['x-hub-signature-256'] ?? ''
    try {
      if (url === '/github') return await verify(SECRET, body, String(signature))
      return Stripe.webhooks.constructEvent(body, signature, `whsec_${SECRET}`) !== undefined
    } catch {
      return false
    }
  }

  it('is believed with the right secret, and says what was answered', async () => {
    const { code, output } = await send(['stripe', 'invoice.paid', '--to', `${origin}/stripe`, '--id', '7'], {
      POSTERN_SEND_SECRET: `whsec_${SECRET}`,
    })
    expect(output).toMatch(/✓ 200 stripe invoice\.paid in \d+ ms {2}request of-their-own\n\s+thanks/)
    expect(code).toBe(0)
    expect(received.splice(0)).toEqual(['evt_7'])
  })

  it('reads a secret from a file, and sends as many events as it is told to', async () => {
    const file = join(state_dir, 'secret.txt')
    await writeFile(file, `${SECRET}\n`)
    const to = ['--to', `${origin}/github`, '--secret', `@${file}`]
    expect((await send(['github', 'push', ...to, '--count', '3'])).code).toBe(0)
    expect(new Set(received.splice(0)).size).toBe(3)
    expect((await send(['github', 'push', ...to, '--count', '2', '--id', 'again'])).code).toBe(0)
    expect(received.splice(0)).toEqual(['again', 'again'])
  })

  it.each([
    ['with another secret', 'github push', ['--secret', 'another secret']],
    ['forged', 'github push', ['--secret', SECRET, '--forge']],
    ['signed long ago', 'stripe invoice.paid', ['--secret', `whsec_${SECRET}`, '--at', '2020-01-01T00:00:00Z']],
  ])('is refused %s, and ends with 1', async (_how, event, options) => {
    const [provider = '', type = ''] = event.split(' ')
    const { code, output } = await send([provider, type, '--to', `${origin}/${provider}`, ...options])
    expect(output).toMatch(/✗ 400.*no such thing/s)
    expect(code).toBe(1)
    expect(received).toEqual([])
  })

  it('shows a command that does the same instead of doing it', async () => {
    const to = ['--to', `${origin}/github`, '--secret', SECRET, '--id', 'by-curl']
    const { code, output } = await send(['github', 'push', ...to, '--dry-run'])
    expect(code).toBe(0)
    expect(received).toEqual([])
    const [curl_code] = await once(spawn('sh', ['-c', output], { stdio: 'ignore' }), 'exit')
    expect(curl_code).toBe(0)
    expect(received.splice(0)).toEqual(['by-curl'])
  })

  it('ends with 2 and a sentence when it does not understand', async () => {
    const { code, output } = await send(['strpie', 'invoice.paid'])
    expect(output).toContain('Is it stripe?')
    expect(output).not.toContain('    at ')
    expect(code).toBe(2)
    expect((await send(['github', 'push', '--to', origin, '--secret', '@/nowhere'])).code).toBe(2)
  })

  it('says that nobody is there', async () => {
    const port = String(await freePort())
    const to_nobody = await send(['github', 'push', '--to', `http://localhost:${port}`, '--secret', SECRET])
    expect(to_nobody).toMatchObject({ code: 1, output: expect.stringContaining('does not answer') })
    const here = await send(['github', 'push'], { PORT: port })
    expect(here).toMatchObject({ code: 1, output: expect.stringContaining('Start one in another terminal') })
  })
})

describe('npm run send, beside npm start', () => {
  let gateway: ChildProcess

  beforeAll(async () => {
    gateway = start(['scripts/start.ts', '--state', state_dir], { PORT: String(await freePort()) })
    const output = collect(gateway)
    await waitFor(() => output().includes('Try this next'), { limit_ms: 30_000, what: 'The start' })
  }, 60_000)

  afterAll(async () => {
    const exited = once(gateway, 'exit')
    gateway.kill('SIGTERM')
    await exited
  })

  it('needs nothing but the name of an event: it makes a source, and shows the message and its delivery', async () => {
    const { code, output } = await send(['stripe', 'invoice.paid'])
    expect(output).toMatch(/source\s+src_\w+ of the demo tenant, made/)
    expect(output).toContain('✓ 200 stripe invoice.paid')
    expect(output).toMatch(/msg_\w+ {2}stripe\.invoice\.paid/)
    expect(output).toMatch(/→ ep_\w+ {2}succeeded 200/)
    expect(code).toBe(0)
  })

  it('finds the source again, and what signs for it where only its owner can read it', async () => {
    const { code, output } = await send(['stripe', 'customer.created'])
    expect(output).toContain('kept from last time')
    expect(output).toMatch(/succeeded 200/)
    expect(code).toBe(0)
    expect((await stat(join(state_dir, 'sources.json'))).mode & 0o077).toBe(0)
  })

  it('makes another when it has lost what signs for the old one', async () => {
    await writeFile(join(state_dir, 'sources.json'), '{ damaged')
    const { code, output } = await send(['stripe', 'invoice.paid'])
    expect(output).toMatch(/, made\n.*succeeded 200/s)
    expect(code).toBe(0)
  })

  it('shows how the same event is delivered once', async () => {
    const { code, output } = await send(['github', 'push', '--id', 'once', '--count', '2'])
    expect(new Set(output.match(/msg_\w+/g)).size).toBe(1)
    expect(output).toContain('"duplicate":false')
    expect(output).toContain('"duplicate":true')
    expect(code).toBe(0)
  })

  it('shows how a forgery is refused, and what its owner is told', async () => {
    const { code, output } = await send(['github', 'push', '--forge'])
    expect(output).toMatch(/✗ 401 github push.*verification_failed.*signature_mismatch/s)
    expect(code).toBe(1)
  })
})

async function send(args: string[], env: Record<string, string> = {}): Promise<Run> {
  const child = start(['scripts/send.ts', ...args, '--state', state_dir], env)
  const output = collect(child)
  const [code] = await once(child, 'close')
  return { code, output: output() }
}

function start(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, args, { env: { ...process.env, NO_COLOR: '1', ...env } })
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

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
