/** The scripts of the preview workflow, run with this machine's wrangler against a stand-in of Cloudflare's API. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'

const DATABASE_ID = '11111111-2222-3333-4444-555555555555'
const URL_OF_PREVIEW = 'https://pr-7-postern-preview.example.workers.dev'

interface Asked {
  method: string
  path: string
  body: string
}

const asked: Asked[] = []
let standIn: Server
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preview-'))
  // Knows no Worker and no preview, and makes whatever it is asked to make.
  standIn = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method = '', url: path = '' } = request
    asked.push({ method, path, body: Buffer.concat(chunks).toString() })
    const is_known = method !== 'GET'
    const result = is_known ? { id: 'made', name: 'pr-7', slug: 'pr-7', urls: [URL_OF_PREVIEW] } : null
    const errors = is_known ? [] : [{ code: 10007, message: 'there is none' }]
    response.writeHead(is_known ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ success: is_known, errors, messages: [], result }))
  })
  await new Promise<void>((resolve) => standIn.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  await new Promise((resolve) => standIn.close(resolve))
  await rm(folder, { recursive: true })
})

/** Runs the step of the job whose script has that in it, as GitHub would. */
async function runStep(part: string): Promise<void> {
  const workflow = parse(await readFile('.github/workflows/preview.yml', 'utf8'))
  const scripts: (string | undefined)[] = workflow.jobs.preview.steps.map(({ run }: { run?: string }) => run)
  const script = scripts.find((run) => run?.includes(part))
  if (script === undefined) throw new Error(`no step has ${part}`)
  const { port } = standIn.address() as AddressInfo
  await promisify(execFile)('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}`,
      CLOUDFLARE_API_TOKEN: 'a-token',
      CLOUDFLARE_ACCOUNT_ID: '0123456789abcdef0123456789abcdef',
      WRANGLER_SEND_METRICS: 'false',
      GITHUB_OUTPUT: join(folder, 'output'),
      GITHUB_SHA: 'a'.repeat(40),
      DATABASE_ID,
      NUMBER: '7',
    },
  })
}

it('makes a preview of the built Worker with resources of its own, and says where it is', async () => {
  await runStep('npm run preview:config')
  await runStep('npx wrangler preview')
  expect(await readFile(join(folder, 'output'), 'utf8')).toBe(`url=${URL_OF_PREVIEW}\n`)
  const made = asked.filter(({ method }) => method === 'POST')
  expect(made.map(({ path }) => path.replace(/^\/accounts\/\w+\/workers/, ''))).toEqual([
    '/workers',
    '/workers/postern-preview/previews',
    '/workers/postern-preview/previews/made/deployments',
  ])
  const settings = settingsIn(made.at(-1)?.body ?? '')
  for (const own of [DATABASE_ID, 'postern-payloads-preview', 'postern-fanout-preview', 'postern_attempts_preview'])
    expect(settings).toContain(own)
  expect(settings).not.toMatch(/postern[\w-]*[-_](staging|production)/)
})

/** What an upload says of the Worker: all of it but the code. */
function settingsIn(upload: string): string {
  return /name="metadata"\r\n\r\n(.*)\r\n/.exec(upload)?.[1] ?? ''
}
