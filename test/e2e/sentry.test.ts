import { readFile } from 'node:fs/promises'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { useSentry } from './fake-sentry.ts'
import { CRON_PATH } from './faults/plan.ts'
import { TROUBLE, useFaultyPostern } from './faulty-postern.ts'
import { Tenant, waitFor } from './harness.ts'

/** What a bug says, with what must not leave the house. */
const SECRET = 'pst_live_0123456789ABCDEFGHJKMNPQRSTVWXYZ012345'
const BUG = {
  kind: 'throws',
  message: `Cannot read properties of undefined (reading ${SECRET}) of https://me:hunter2@shop.test/hook?sid=hunter3`,
} as const

const sentry = useSentry()
const shared = useFaultyPostern()

/** Begins again, so that the budget and the pauses of the process before are gone. */
async function restart(bindings: Record<string, string> = { SENTRY_DSN: sentry.dsn }): Promise<void> {
  await shared.gateway.kill()
  await shared.gateway.restart(bindings)
}

async function logOf(name: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(shared.gateway.log_file, 'utf8')).split('\n')
  return lines.filter((line) => line.includes(`"${name}"`)).map((line) => JSON.parse(line.slice(line.indexOf('{'))))
}

function says(line: unknown, words: string): boolean {
  return JSON.stringify(line).includes(words)
}

/** Asks for something that needs D1, and nothing else. */
function ask(headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${shared.gateway.url}/v1/tenants?limit=7`, {
    headers: {
      authorization: `Bearer ${shared.gateway.operator.key}`,
      cookie: 'sid=hunter4',
      'user-agent': 'hunter5',
      ...headers,
    },
  })
}

describe('an error that nobody expected', () => {
  beforeAll(() => restart())

  it('in a request is sent, with what finds it in the log and nothing that is secret', async () => {
    await shared.faults.set({ 'DB.all': BUG, 'DB.raw': BUG, 'DB.run': BUG })
    const response = await ask({ 'x-request-id': 'find-me' })
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('Cannot read')
    const { event, path, query, text } = await sentry.event('request.internal')
    expect(path).toBe('/api/42/envelope/')
    expect(query).toContain('sentry_key=0123456789abcdef')
    expect(event).toMatchObject({
      environment: 'dev',
      platform: 'javascript',
      release: expect.stringMatching(/^postern@\d+\.\d+\.\d+\+\S+$/),
      tags: { log: 'request.internal', request_id: 'find-me', method: 'GET', route: '/v1/tenants' },
    })
    const [exception] = event.exception.values.slice(-1)
    expect(exception?.value).toBe(
      'Cannot read properties of undefined (reading pst_live_[redacted]) of https://[redacted]@shop.test/hook?[redacted]',
    )
    expect(exception?.stacktrace?.frames.length).toBeGreaterThan(1)
    for (const hidden of [
      '0123456789ABCDEF',
      'hunter',
      'limit=7',
      'cookie',
      'authorization',
      shared.gateway.operator.key,
    ]) {
      expect(text).not.toContain(hidden)
    }
    expect(event).not.toHaveProperty('request')
    expect(event).not.toHaveProperty('user')
    expect(event).not.toHaveProperty('breadcrumbs')
    const [line] = await logOf('request.internal')
    expect(line).toMatchObject({ level: 'error', request_id: 'find-me', error: { name: 'Error' } })
    expect(JSON.stringify(line)).not.toContain('hunter')
  })

  it('in a queue’s consumer is sent, and the message is tried again', async () => {
    const { tenant, path } = await tenantWith({ retry_delays_s: [1] })
    shared.receiver.become(path, { kind: 'choosy', status: (_, times) => (times === 1 ? 500 : 200), delay_ms: 0 })
    await shared.faults.set({ 'ENDPOINT.wake': { ...BUG, times: 1 } })
    await tenant.publish({ type: 'a.bug', data: {} })
    const { event, text } = await sentry.event('queue.failed')
    expect(event.tags).toMatchObject({ log: 'queue.failed', queue: 'retries' })
    expect(text).not.toContain('hunter')
    await waitFor(() => shared.receiver.accepted(path).length === 1, { limit_ms: 10_000, what: 'The retry' })
  })

  it('in a cron is sent, and the run fails', async () => {
    await shared.faults.set({ 'DB.all': BUG, 'DB.raw': BUG })
    const response = await fetch(`${shared.gateway.url}${CRON_PATH}?cron=${encodeURIComponent('47 * * * *')}`)
    expect(response.status).toBe(500)
    const { event } = await sentry.event('scheduled.failed')
    expect(event.tags).toMatchObject({ job: 'tenants.purge' })
  })

  it('in an Endpoint is sent with its names, and the delivery goes on', async () => {
    const { tenant, id, endpoint, path } = await tenantWith({ retry_delays_s: [1] })
    shared.receiver.become(path, { kind: 'choosy', status: (_, times) => (times === 1 ? 500 : 200), delay_ms: 0 })
    await shared.faults.set({ RETRIES: { ...BUG, times: 1 } })
    await tenant.publish({ type: 'a.bug', data: {} })
    const { event } = await sentry.event('retries.refused')
    expect(event.tags).toMatchObject({ tenant_id: id, endpoint_id: endpoint.id })
    await waitFor(() => shared.receiver.accepted(path).length === 1, { limit_ms: 10_000, what: 'The retry' })
  })

  it('in an attempt that a courier makes is sent, and the attempt made again', async () => {
    const { tenant, id, path } = await tenantWith({})
    await shared.faults.set({ 'PAYLOADS.get': { ...BUG, times: 1 } })
    await tenant.publish({ type: 'a.bug', data: 'x'.repeat(100 * 1024) })
    const { event } = await sentry.event('attempt.interrupted')
    expect(event.tags).toMatchObject({ tenant_id: id })
    expect(shared.receiver.accepted(path)).toHaveLength(0)
  })
})

describe('a part that does not answer', () => {
  it('is no bug: it is in the log, and not at Sentry', async () => {
    await restart()
    await shared.faults.set({ DB: { kind: 'throws', ...TROUBLE.database } })
    for (let times = 0; times < 150; times++) expect((await ask()).status).toBe(503)
    const lines = await waitFor(
      async () => {
        const lines = (await logOf('request.unavailable')).filter(({ times }) => times !== undefined)
        return lines.some(({ times }) => times === 100) && lines
      },
      { limit_ms: 5000, what: 'The hundredth' },
    )
    // The first twenty of a minute, and the hundredth; a minute may have ended in between.
    expect(lines.length).toBeLessThanOrEqual(42)
    expect(lines.every(({ level }) => level === 'warn')).toBe(true)
    expect(sentry.asked).toBe(0)
  })
})

describe('Sentry', () => {
  afterEach(() => shared.faults.lift())

  it('is sent a handful a minute, however often it happens', async () => {
    await restart()
    await shared.faults.set({ 'DB.all': BUG, 'DB.raw': BUG, 'DB.run': BUG })
    for (let times = 0; times < 60; times++) expect((await ask()).status).toBe(500)
    await sentry.event('request.internal')
    // Five of each name in a minute, of which there may have been two.
    expect(sentry.sent.filter(({ event }) => event.tags.log === 'request.internal').length).toBeLessThanOrEqual(10)
  })

  it.each([
    { behaviour: 'hangs', why: 'Sentry does not answer within 3000 ms' },
    { behaviour: 'refuses', why: 'Sentry answers 500' },
    { behaviour: 'limits', why: 'Sentry answers 429' },
  ] as const)('that $behaviour changes nothing, and is left alone for a while', async ({ behaviour, why }) => {
    sentry.behaviour = behaviour
    await restart()
    const { tenant, path } = await tenantWith({})
    await shared.faults.set({ ATTEMPTS: BUG })
    const publish = async () => expect((await tenant.publish({ type: 'a.bug', data: {} })).status).toBe(202)
    const arrived = (count: number) => {
      const limit = { limit_ms: 10_000, what: `Delivery ${count}` }
      return waitFor(() => shared.receiver.accepted(path).length === count, limit)
    }
    await publish()
    await arrived(1)
    const failed = await waitFor(async () => (await logOf('sentry.failed')).find((line) => says(line, why)), {
      limit_ms: 10_000,
      what: 'A line of the log',
    })
    expect(failed.level).toBe('warn')
    for (let times = 0; times < 3; times++) await publish()
    await arrived(4)
    const struck = async () => (await shared.faults.strikes('ATTEMPTS')) === 4
    await waitFor(struck, { limit_ms: 5000, what: 'The fourth bug' })
    expect(sentry.asked).toBe(1)
  })

  it.each([
    ['there is none', {}],
    ['its DSN is empty', { SENTRY_DSN: '' }],
    ['its DSN is none', { SENTRY_DSN: 'sentry.test/hunter6' }],
  ])('hears nothing when %s, and Postern works', async (_why, bindings) => {
    await restart(bindings)
    await shared.faults.set({ 'DB.all': BUG, 'DB.raw': BUG, 'DB.run': BUG })
    expect((await ask()).status).toBe(500)
    expect(sentry.asked).toBe(0)
    expect(await readFile(shared.gateway.log_file, 'utf8')).not.toContain('hunter6')
  })
})

describe('LOG_LEVEL', () => {
  it('debug writes a line for every request, with its route and not its path', async () => {
    await restart({ LOG_LEVEL: 'debug' })
    expect((await ask({ 'x-request-id': 'seen' })).status).toBe(200)
    const line = await waitFor(
      async () => (await logOf('request.answered')).find(({ request_id }) => request_id === 'seen'),
      {
        limit_ms: 5000,
        what: 'The line',
      },
    )
    expect(line).toMatchObject({
      level: 'debug',
      method: 'GET',
      route: '/v1/tenants',
      status: 200,
      key_id: 'key_settings',
    })
  })

  it('error writes no refusals', async () => {
    await restart({ LOG_LEVEL: 'error' })
    const before = (await logOf('auth.refused')).length
    expect((await fetch(`${shared.gateway.url}/v1/tenants`)).status).toBe(401)
    await shared.faults.set({ 'DB.all': BUG, 'DB.raw': BUG, 'DB.run': BUG })
    expect((await ask({ 'x-request-id': 'after-it' })).status).toBe(500)
    await waitFor(async () => (await logOf('request.internal')).some(({ request_id }) => request_id === 'after-it'), {
      limit_ms: 5000,
      what: 'The line after it',
    })
    expect((await logOf('auth.refused')).length).toBe(before)
  })
})

let tenants = 0

async function tenantWith(spec: { retry_delays_s?: number[] }) {
  const id = `reported-${++tenants}`
  const path = `/reported/${tenants}`
  await shared.faults.lift()
  const tenant = await Tenant.create(shared.gateway.operator, id)
  const endpoint = await tenant.endpoint(shared.receiver, path, spec)
  return { tenant, id, endpoint, path }
}
