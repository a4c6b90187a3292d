/** The drill of docs/disaster-recovery.md: D1 is lost, and comes back from a backup, with the commands that an operator types. */
import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PROJECT_DIR } from '../../scripts/build.ts'
import { Client } from '../../scripts/client.ts'
import { SAMPLERS } from '../../scripts/samples.ts'
import { range, Tenant, usePostern, waitFor } from './harness.ts'

const MESSAGES = 50
/** Its row in hexadecimal is longer than what D1 takes in one statement. */
const LARGE_LENGTH = 80_000
// A line break beside the two characters that D1's export writes for one.
const TRANSFORM = '{\n  "joined": $join(["a", "b"], "\\n")\n}'

const shared = usePostern()
const { invent, sign } = SAMPLERS.stripe

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'postern-drill-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

/** A command of this project, as it is typed. Answers what it printed; throws when it fails. */
async function run(script: 'backup' | 'restore', ...options: string[]): Promise<string> {
  const { gateway } = shared
  const env = { ...process.env, NO_COLOR: '1', POSTERN_STATE: gateway.state_dir, ...gateway.secrets }
  const { stdout } = await promisify(execFile)(process.execPath, [`scripts/${script}.ts`, ...options], {
    cwd: PROJECT_DIR,
    env,
  })
  return stdout
}

interface Verification {
  holds: boolean
}

it('D1 is destroyed and restored: keys, endpoints, sources and the audit log hold, and so does every delivery', {
  timeout: 300_000,
}, async () => {
  const { gateway, receiver } = shared
  const backup_dir = join(dir, 'backup')
  const tenant = await Tenant.create(gateway.operator, 'drilled')
  const made = await gateway.operator.post<{ key: string }>(`${tenant.path}/keys`, { name: 'app', role: 'admin' })
  const app = new Client(gateway.url, made.key)
  const delivering = await tenant.endpoint(receiver, '/drilled', { event_types: ['drilled.*', 'stripe.*'] })
  const waiting = await tenant.endpoint(receiver, '/later', {
    event_types: ['later.*'],
    retry_delays_s: [5, 5, 5, 5, 5, 5, 5],
  })
  receiver.become('/later', { kind: 'failing' })
  const moved = await tenant.endpoint(receiver, '/as-backed-up', { event_types: ['moved.*'] })
  await gateway.operator.patch(`${tenant.path}/endpoints/${moved.id}`, { transform: TRANSFORM })
  const invented = await invent()
  const source = await gateway.operator.post<{ id: string }>(`${tenant.path}/sources`, {
    name: 'drill',
    provider: 'stripe',
    credentials: invented.credentials,
  })
  const sent = await tenant.publishBatch(range(MESSAGES).map((n) => ({ type: 'drilled.sent', data: { n } })))
  await tenant.publish({ type: 'nobody.listens', data: { text: 'x'.repeat(LARGE_LENGTH) } })
  await delivering.finished()
  const listed = async () => (await Array.fromAsync(app.list<{ id: string }>(`${tenant.path}/deliveries`))).length
  await waitFor(async () => (await listed()) === MESSAGES, { limit_ms: 20_000, what: 'The read model' })

  const backed_up = await run('backup', '--env', 'dev', '--to', backup_dir, '--url', gateway.url)
  const point_at = performance.now()
  expect(backed_up).toContain('checkpoints.ndjson')
  const verified = await run('restore', '--verify', '--from', backup_dir)
  expect(verified).toMatch(/rows .* are the same/)
  expect(verified).toMatch(/audit log .* entries hold/)

  // What comes after the backup is lost in D1, and is still held by the Endpoints.
  await gateway.operator.patch(`${tenant.path}/endpoints/${moved.id}`, { url: receiver.url('/as-lost') })
  const { body: late } = await tenant.publish({ type: 'later.sent', data: {} })
  await waitFor(() => receiver.arrivals('/later').length > 0, { limit_ms: 10_000, what: 'A failed attempt' })

  await gateway.kill()
  const lost_at = performance.now()
  await rm(join(gateway.state_dir, 'v3/d1'), { recursive: true })
  const restored = await run('restore', '--from', backup_dir, '--into', 'dev', '--confirm', 'postern-dev')
  expect(restored).toContain('into postern-dev')
  receiver.become('/later', { kind: 'well' })
  await gateway.restart()

  const { id } = await app.post<{ id: string }>(`${tenant.path}/messages`, {
    type: 'drilled.sent',
    data: { n: 'again' },
  })
  const arrivedAt = (path: string, message_id: string) =>
    waitFor(() => receiver.accepted(path).find(({ webhook_id }) => webhook_id === message_id), {
      limit_ms: 90_000,
      what: `The arrival of ${message_id} at ${path}`,
    })
  expect((await arrivedAt('/drilled', id)).verified).toBe(true)
  const rto_s = (performance.now() - lost_at) / 1000
  const rpo_s = (lost_at - point_at) / 1000

  const event = new TextEncoder().encode(JSON.stringify({ id: 'evt_drill', type: 'charge.succeeded' }))
  const url = `${gateway.url}/in/${source.id}`
  const { headers } = await sign(event, { type: 'charge.succeeded', id: '', now: new Date(), url }, invented)
  const answered = await fetch(url, { method: 'POST', headers, body: event })
  const ingested = (await answered.json()) as { message_id: string }
  expect(answered.status).toBe(200)
  await arrivedAt('/drilled', ingested.message_id)

  expect((await arrivedAt('/later', late.id)).verified, 'what D1 never knew of').toBe(true)
  await waiting.finished()
  for (const message_id of sent) await arrivedAt('/drilled', message_id)
  expect(await listed(), 'the read model has at least what it had').toBeGreaterThanOrEqual(MESSAGES)

  const endpoint = await app.get<{ transform: string; url: string }>(`${tenant.path}/endpoints/${moved.id}`)
  expect(endpoint).toMatchObject({ transform: TRANSFORM, url: receiver.url('/as-backed-up') })
  const { body: after } = await tenant.publish({ type: 'moved.sent', data: {} })
  await arrivedAt('/as-backed-up', after.id)
  expect(receiver.arrivals('/as-lost'), 'an Endpoint that has seen newer settings').toEqual([])

  for (const path of ['/v1/audit-log/verify', `${tenant.path}/audit-log/verify`])
    expect(await gateway.operator.get<Verification>(path)).toMatchObject({ holds: true })
  console.info(`recovery drill: RTO ${rto_s.toFixed(1)} s, RPO ${rpo_s.toFixed(1)} s (since the backup, D1 alone)`)
})

it('a restore touches nothing without the typed words, and no backup whose files are not as they were', {
  timeout: 240_000,
}, async () => {
  const backup_dir = join(dir, 'refused')
  await run('backup', '--env', 'dev', '--to', backup_dir)
  await expect(run('restore', '--from', backup_dir, '--into', 'dev', '--confirm', 'postern-dev')).rejects.toThrow(
    'that needs "replace postern-dev"',
  )
  await expect(run('backup', '--env', 'dev', '--to', backup_dir)).rejects.toThrow('is not empty')
  await appendFile(join(backup_dir, 'database.sql'), '\nDELETE FROM tenants;')
  await expect(run('restore', '--verify', '--from', backup_dir)).rejects.toThrow('is not as it was written')
})
