import { once } from 'node:events'
import { connect } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { Tenant, usePostern } from './harness.ts'

const shared = usePostern()

const BODY = '{"type":"invoice.paid","data":1}'

/** What is answered to a request written by hand, until the connection ends or nothing comes any more. */
async function exchange(lines: readonly string[], body: string, { hang_up = false } = {}): Promise<string> {
  const { hostname, port } = new URL(shared.gateway.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  const ended = Promise.race([once(socket, 'close'), once(socket, 'data')])
  socket.on('error', () => {})
  const { key } = shared.gateway.operator
  const head = [
    'POST /v1/tenants/broken/messages HTTP/1.1',
    'host: localhost',
    `authorization: Bearer ${key}`,
    ...lines,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  if (hang_up) socket.end()
  await ended
  socket.destroy()
  return answer
}

const JSON_TYPE = 'content-type: application/json'

beforeAll(async () => {
  await Tenant.create(shared.gateway.operator, 'broken')
})

describe('a body over a real connection', () => {
  it('is accepted when it is as long as it says, or says in pieces how long it is', async () => {
    expect(await exchange([JSON_TYPE, `content-length: ${BODY.length}`], BODY)).toMatch(/^HTTP\/1.1 202 /)
    const chunks = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`
    expect(await exchange([JSON_TYPE, 'transfer-encoding: chunked'], chunks)).toMatch(/^HTTP\/1.1 202 /)
  })

  it.each([
    ['whose sender hangs up', ['content-length: 1000'], BODY, { hang_up: true }],
    [
      'in pieces, whose sender hangs up',
      ['transfer-encoding: chunked'],
      `5\r\n${BODY.slice(0, 5)}\r\n`,
      { hang_up: true },
    ],
    ['in pieces that are none', ['transfer-encoding: chunked'], `zz\r\n${BODY}\r\n`, {}],
  ])('is the sender’s fault and no error of ours: %s', async (_what, lines, body, options) => {
    const answer = await exchange([JSON_TYPE, ...lines], body, options)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(answer).toContain('"code":"body_incomplete"')
  })

  it.each([
    ['two lengths', ['content-length: 2', `content-length: ${BODY.length}`]],
    ['a negative length', ['content-length: -1']],
    ['a length that is none', ['content-length: 0x10']],
    ['a header without a name', [`content-length: ${BODY.length}`, ': x']],
    ['a header with a space in its name', [`content-length: ${BODY.length}`, 'x y: z']],
  ])('is never read with %s', async (_what, lines) => {
    expect(await exchange([JSON_TYPE, ...lines], BODY)).toMatch(/^HTTP\/1.1 400 /)
  })

  it('answers others while one has stopped in the middle of its body', async () => {
    const { hostname, port } = new URL(shared.gateway.url)
    const stuck = Array.from({ length: 50 }, () => connect(Number(port), hostname))
    const { key } = shared.gateway.operator
    for (const socket of stuck) {
      socket.on('error', () => {})
      socket.write(
        `POST /v1/tenants/broken/messages HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${key}\r\n${JSON_TYPE}\r\ncontent-length: 1000\r\n\r\n{`,
      )
    }
    expect(await exchange([JSON_TYPE, `content-length: ${BODY.length}`], BODY)).toMatch(/^HTTP\/1.1 202 /)
    for (const socket of stuck) socket.destroy()
  })
})
