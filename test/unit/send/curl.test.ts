import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { curlCommand } from '../../../scripts/send/curl.ts'

interface Called {
  method: string | undefined
  url: string | undefined
  headers: IncomingHttpHeaders
  body: Buffer
}

const called: Called[] = []
const server = createServer(async (request, response) => {
  const { method, url, headers } = request
  called.push({ method, url, headers, body: Buffer.concat(await request.toArray()) })
  response.end()
})
let origin: string

beforeAll(async () => {
  await once(server.listen(0), 'listening')
  origin = `http://localhost:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())

/** Lets a shell run it, and says what arrived. */
async function run(command: string): Promise<Called | undefined> {
  await promisify(execFile)('sh', ['-c', command])
  return called.pop()
}

describe('the curl command', () => {
  it.each([
    ['of words', 'plain'],
    ['with what a shell reads', `it's "quoted" $HOME \`id\` \\ ! * {a,b}\n#`],
    ['that begins with what curl reads', '@/etc/passwd'],
    ['beyond ASCII', '{"name":"Zoë 🦊"}'],
    ['that is empty', ''],
  ])('sends a body %s as it is', async (_what, text) => {
    const headers = { 'content-type': 'application/json', 'x-signature': `a='b' $1, "c"` }
    const url = `${origin}/in/src_1?a=1&b='2'`
    const command = await curlCommand({ url, headers, body: Buffer.from(text) }, 'test')
    const request = await run(command)
    expect(request).toMatchObject({ method: 'POST', headers })
    expect(request?.url).toContain('/in/src_1?a=1&b=')
    expect(request?.body.toString()).toBe(text)
  })

  it.each([
    ['is no text', Buffer.from([0xff, 0x00, 0xc3, 0x28])],
    ['has characters that no terminal shows', Buffer.from('a\u0000\u001b[2J')],
    ['is long', Buffer.alloc(5_000_000, 'long ')],
  ])('puts a body that %s into a file', async (_what, body) => {
    const command = await curlCommand({ url: origin, headers: {}, body }, `postern/test ${process.pid}`)
    const [, file = ''] = /--data-binary '@(.*)'/.exec(command) ?? []
    expect(command.length).toBeLessThan(500)
    expect((await run(command))?.body.equals(body)).toBe(true)
    await rm(file)
  })
})
