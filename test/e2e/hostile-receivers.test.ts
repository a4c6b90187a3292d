import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { usePostern, waitFor } from './harness.ts'

const shared = usePostern()

const OK = 'HTTP/1.1 200 OK\r\n'

/** Sends a body of this much more text than anybody wants, as fast as it is taken. */
function pour(socket: Socket, bytes_max: number): void {
  const chunk = Buffer.alloc(65_536, 'x')
  let sent = 0
  const more = () => {
    while (!socket.destroyed && sent < bytes_max) {
      sent += chunk.length
      if (!socket.write(chunk)) return void socket.once('drain', more)
    }
    socket.end()
  }
  more()
}

function packed(packing: string, bytes: Buffer): (socket: Socket) => void {
  return (socket) => {
    socket.write(`${OK}content-encoding: ${packing}\r\ncontent-length: ${bytes.length}\r\n\r\n`)
    socket.end(bytes)
  }
}

const says = (text: string) => (socket: Socket) => void socket.end(Buffer.from(text, 'latin1'))

const BOMB_BYTES = 200_000_000

/** What each answers, and what must become of the attempt. */
const RECEIVERS: Record<string, { answer: (socket: Socket) => void; expected: Record<string, unknown> }> = {
  'a gzip bomb': {
    answer: packed('gzip', gzipSync(Buffer.alloc(BOMB_BYTES, 'x'))),
    expected: { status: 200, error: null, response_body: 'x'.repeat(4096) },
  },
  'a brotli bomb': {
    answer: packed('br', brotliCompressSync(Buffer.alloc(20_000_000, 'x'))),
    expected: { status: 200, error: null, response_body: 'x'.repeat(4096) },
  },
  'packed nonsense': {
    answer: packed('gzip', Buffer.from('this is no gzip')),
    expected: { status: 200, error: null, response_body: '' },
  },
  'a packing that nobody knows': {
    answer: packed('nonsense', Buffer.from('text')),
    expected: { status: 200, error: null, response_body: 'text' },
  },
  'a gigabyte of text': {
    answer: (socket) => {
      socket.write(`${OK}content-type: text/plain\r\n\r\n`)
      pour(socket, 1e9)
    },
    expected: { status: 200, error: null, response_body: 'x'.repeat(4096) },
  },
  'provisional answers for ever': {
    answer: (socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 20)
      socket.on('close', () => clearInterval(timer))
    },
    expected: { status: null, error: 'timeout' },
  },
  'headers that drip for ever': {
    answer: (socket) => {
      socket.write(OK)
      const timer = setInterval(() => socket.write('x-a: b\r\n'), 20)
      socket.on('close', () => clearInterval(timer))
    },
    expected: { status: null, error: 'timeout' },
  },
  'an early hint and then an answer': {
    answer: says(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${OK}content-length: 2\r\n\r\nok`),
    expected: { status: 200, error: null, response_body: 'ok' },
  },
  'a switch of protocols that nobody asked for': {
    answer: says('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nx'),
    expected: { status: 101, error: 'unexpected_status' },
  },
  'a status beyond all classes': {
    answer: says('HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n'),
    expected: { status: 999, error: 'unexpected_status' },
  },
  'a status that is none': {
    answer: says('HTTP/1.1 000 Odd\r\ncontent-length: 0\r\n\r\n'),
    expected: { status: null, error: 'connection_failed' },
  },
  'a body where there is none': {
    answer: says('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello'),
    expected: { status: 204, error: null, response_body: '' },
  },
  'two lengths': {
    answer: says(`${OK}content-length: 2\r\ncontent-length: 5\r\n\r\nhello`),
    expected: { status: null, error: 'connection_failed' },
  },
  'a length that it does not keep': {
    answer: says(`${OK}content-length: 500\r\n\r\nhello`),
    expected: { status: 200, error: null, response_body: 'hello' },
  },
  'no HTTP': { answer: says('220 mail.acme.com ESMTP\r\n'), expected: { status: null, error: 'connection_failed' } },
  nothing: { answer: (socket) => void socket.end(), expected: { status: null, error: 'connection_failed' } },
  'a header of 200,000 characters': {
    answer: says(`${OK}x-large: ${'v'.repeat(200_000)}\r\ncontent-length: 0\r\n\r\n`),
    expected: { status: 200, error: null },
  },
  'a redirect to this machine': {
    answer: (socket) => {
      const { port } = socket.address() as AddressInfo
      socket.end(`HTTP/1.1 307 Away\r\nlocation: http://localhost:${port}/secret\r\ncontent-length: 0\r\n\r\n`)
    },
    expected: { status: 307, error: 'redirect' },
  },
}

const NAMES = Object.keys(RECEIVERS)
const paths: string[] = []
let server: Server

interface Attempt {
  status: number | null
  response_headers: Record<string, string>
}

beforeAll(async () => {
  server = createServer((socket) => {
    let request = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      request += chunk.toString('latin1')
      const path = /^POST \/(\S*) /.exec(request)?.[1]
      if (path === undefined || !request.includes('\r\n\r\n')) return
      socket.removeAllListeners('data').resume()
      paths.push(path)
      RECEIVERS[NAMES[Number(path)] ?? '']?.answer(socket)
    })
  }).listen(0)
  await once(server, 'listening')
  await shared.gateway.operator.post('/v1/tenants', { id: 'hostile', name: 'hostile' })
})

afterAll(() => server.close())

/** The one attempt at a receiver that answers like that. */
async function attemptAt(name: string): Promise<Attempt> {
  const { operator } = shared.gateway
  const { port } = server.address() as AddressInfo
  const type = `to.${NAMES.indexOf(name)}`
  const endpoint = await operator.post<{ id: string }>('/v1/tenants/hostile/endpoints', {
    url: `http://localhost:${port}/${NAMES.indexOf(name)}`,
    event_types: [type],
    timeout_ms: 1000,
    retry_delays_s: [],
  })
  const message = await operator.post<{ id: string }>('/v1/tenants/hostile/messages', { type, data: 1 })
  const path = `/v1/tenants/hostile/deliveries/${message.id}.${endpoint.id}/attempts`
  return waitFor(async () => (await operator.get<{ data: Attempt[] }>(path)).data[0], {
    limit_ms: 20_000,
    what: `an attempt at ${name}`,
  })
}

describe('a receiver that answers', () => {
  it.each(Object.entries(RECEIVERS))('%s does no harm', async (name, { expected }) => {
    const attempt = await attemptAt(name)
    expect(attempt).toMatchObject(expected)
    expect(JSON.stringify(attempt.response_headers).length).toBeLessThan(10_000)
  })

  it('a bomb leaves no trace in memory', async () => {
    const before = await shared.gateway.workerdBytes()
    await attemptAt('a gzip bomb')
    await attemptAt('a gigabyte of text')
    expect((await shared.gateway.workerdBytes()) - before).toBeLessThan(BOMB_BYTES / 4)
  })

  it('a redirect is not followed', async () => {
    await attemptAt('a redirect to this machine')
    expect(paths).not.toContain('secret')
  })
})
