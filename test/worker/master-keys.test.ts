/** A new master key comes first in MASTER_KEYS: everything is brought under it, and then the old one may go. */

import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps, type Deps } from '../../src/deps.ts'
import { rotateMasterKey } from '../../src/master-keys/rotate.ts'
import { Run } from '../../src/retention/run.ts'
import { liveCredentials } from '../../src/sources/credentials.ts'
import { sources } from '../../src/sources/table.ts'
import { itemOf } from './enqueued.ts'
import {
  type Arrival,
  breakEndpoint,
  call,
  createTenant,
  eventually,
  type Json,
  runCron,
  skip,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { deployMasterKeys, masterKey, masterKeyOf, masterKeys, rotateInTwoHours } from './master-keys-ring.ts'
import { expectProblem } from './problem.ts'
import { isSignedWith } from './signatures.ts'

const HOUR_MS = 60 * 60 * 1000
const receivers = useReceivers()
let k1: string
let k2: string

beforeEach(async () => {
  ;[k1, k2] = [masterKey('k1'), masterKey('k2')]
  await deployMasterKeys(k1)
  await env.DB.batch(
    ['endpoints', 'sources', 'upkeep', 'audit_log'].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  )
})

afterEach(async () => {
  await deployMasterKeys(env.MASTER_KEYS)
})

const deps = (): Deps => createDeps(env, () => {})

/** Publishes, and hands out what arrived. */
async function deliver(tenant: TenantHandle, { id, url }: Json): Promise<Arrival> {
  const message_id = await tenant.published({ data: crypto.randomUUID() })
  await tenant.deliveryIn('succeeded', message_id, id)
  const arrived = receivers.current.arrivals(url).find(({ headers }) => headers.get('webhook-id') === message_id)
  if (arrived === undefined) throw new Error('a delivery that has succeeded has arrived')
  return arrived
}

async function reveal(tenant: TenantHandle, id: string): Promise<string[]> {
  const { status, body } = await tenant.call('GET', `/endpoints/${id}/secret`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.secrets.map(({ secret }: Json) => secret)
}

/** Ids of the keys that the row of an endpoint has something under, in order. */
async function keysInDatabase(id: string): Promise<string[]> {
  const row = await env.DB.prepare('SELECT secrets, headers FROM endpoints WHERE id = ?').bind(id).first<Json>()
  return keysIn(JSON.stringify(row))
}

/** The same of the copy that an Endpoint has. */
function keysInCopy(object_name: string): Promise<string[]> {
  return runInDurableObject(stubOf(object_name), (_endpoint, { storage }) => {
    const { value } = storage.sql.exec<{ value: string }>(`SELECT value FROM meta WHERE name = 'settings'`).one()
    return keysIn(value)
  })
}

function keysIn(text: string): string[] {
  return [...text.matchAll(/sealed\W+([\w-]+)\./g)].map(([, id = '']) => id).toSorted()
}

function logged(level: 'info' | 'warn' | 'error'): () => Json[] {
  const written = vi.spyOn(console, level)
  return () => written.mock.calls.map(([line]) => JSON.parse(String(line)))
}

describe('a new master key', () => {
  it('takes everything over within two hours, and then the old one may go', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ headers: { authorization: 'Bearer s3cret' } })
    expect(isSignedWith(endpoint.secret, await deliver(tenant, endpoint))).toBe(true)
    expect(await masterKeys()).toMatchObject({
      data: [{ id: 'k1', current: true, configured: true, changed: false, secrets: 2, removable: false }],
      rotation: { step: 'pending' },
    })

    await deployMasterKeys(k2, k1)
    await runCron('master_keys.rotate')
    expect(await keysInDatabase(endpoint.id)).toEqual(['k2', 'k2'])
    // Somebody may be at work yet who knows the old key alone.
    expect(await masterKeys()).toMatchObject({
      data: [
        { id: 'k2', current: true, secrets: 2, removable: false },
        { id: 'k1', current: false, secrets: 0, removable: false },
      ],
      rotation: { step: 'reseal', endpoints_told: false, unsealable: 0 },
    })
    expect(isSignedWith(endpoint.secret, await deliver(tenant, endpoint))).toBe(true)

    skip(HOUR_MS)
    await runCron('master_keys.rotate')
    expect(await keysInCopy(endpoint.id)).toEqual(['k2', 'k2'])
    expect(await masterKeys()).toMatchObject({
      data: [{ id: 'k2' }, { id: 'k1', configured: true, secrets: 0, removable: true }],
      rotation: { step: 'done', endpoints_told: true, endpoints_untold: 0, unsealable: 0, unsealed: 0 },
    })

    await deployMasterKeys(k2)
    const arrival = await deliver(tenant, endpoint)
    expect(isSignedWith(endpoint.secret, arrival)).toBe(true)
    expect(arrival.headers.get('authorization')).toBe('Bearer s3cret')
    expect(await reveal(tenant, endpoint.id)).toEqual([endpoint.secret])
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}`)).body.headers).toEqual({
      authorization: 'Bearer s3cret',
    })
  })

  it('takes over every secret that still signs, of both kinds', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { body } = await tenant.call('POST', `/endpoints/${endpoint.id}/secret/rotate`, { body: { kind: 'ed25519' } })
    const before = (await tenant.call('GET', `/endpoints/${endpoint.id}/secret`)).body
    await deployMasterKeys(k2, k1)
    await rotateInTwoHours()
    await deployMasterKeys(k2)
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}/secret`)).body).toEqual(before)
    expect(await reveal(tenant, endpoint.id)).toEqual([body.secret, endpoint.secret])
  })

  it('takes over the credentials of a source, and those that an overlap still believes', async () => {
    const tenant = await createTenant()
    const made = (await tenant.call('POST', '/sources', { body: { name: 'code', provider: 'github' } })).body
    const rotated = (await tenant.call('POST', `/sources/${made.id}/secret/rotate`)).body
    const believed = [rotated.credentials, made.credentials]
    await deployMasterKeys(k2, k1)
    expect(await masterKeyOf('k1')).toMatchObject({ secrets: 2, removable: false })
    await rotateInTwoHours()
    expect(await masterKeyOf('k1')).toMatchObject({ secrets: 0, removable: true })
    await deployMasterKeys(k2)
    const row = await deps().db.select().from(sources).where(eq(sources.id, made.id)).get()
    if (row === undefined) throw new Error('a source that was created has a row')
    expect(keysIn(JSON.stringify(row))).toEqual(['k2', 'k2'])
    expect(await liveCredentials(deps(), row, Date.now())).toEqual(believed)
  })

  it('does not let a rotation of credentials bring them back under the old one', async () => {
    const tenant = await createTenant()
    const { id } = (await tenant.call('POST', '/sources', { body: { name: 'code', provider: 'github' } })).body
    await deployMasterKeys(k2, k1)
    const batch = env.DB.batch.bind(env.DB)
    const spied = vi.spyOn(env.DB, 'batch').mockImplementationOnce(async (statements) => {
      await runCron('master_keys.rotate')
      return batch(statements) as Promise<never>
    })
    expect((await tenant.call('POST', `/sources/${id}/secret/rotate`)).status).toBe(200)
    expect(spied).toHaveBeenCalled()
    const row = await env.DB.prepare('SELECT credentials FROM sources WHERE id = ?').bind(id).first<Json>()
    expect(keysIn(row.credentials)).toEqual(['k2', 'k2'])
  })

  it('reaches every lane, those that never had anything to deliver too', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint({ lanes: 3 })
    await deployMasterKeys(k2, k1)
    await rotateInTwoHours()
    for (const name of [id, `${id}/1`, `${id}/2`]) expect(await keysInCopy(name)).toEqual(['k2'])
  })

  it('seals header values that were stored before they were sealed', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const plain = { authorization: 'Bearer s3cret', sealed: 'k2.looks sealed' }
    await env.DB.prepare('UPDATE endpoints SET headers = ?, version = version + 1 WHERE id = ?')
      .bind(JSON.stringify(plain), endpoint.id)
      .run()
    expect(Object.fromEntries((await deliver(tenant, endpoint)).headers)).toMatchObject(plain)
    const asked = await masterKeys()
    expect(asked.rotation.unsealed).toBe(2)
    expect(asked.data.map(({ id }: Json) => id)).toEqual(['k1'])
    await rotateInTwoHours()
    const stored = await env.DB.prepare('SELECT headers FROM endpoints WHERE id = ?').bind(endpoint.id).first<Json>()
    expect(keysIn(stored.headers)).toEqual(['k1', 'k1'])
    expect(stored.headers).not.toContain('s3cret')
    expect(Object.fromEntries((await deliver(tenant, endpoint)).headers)).toMatchObject(plain)
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}`)).body.headers).toEqual(plain)
  })

  it('changes nothing that the owner of an endpoint would see', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint({ headers: { 'x-team': 'billing' } })
    const before = (await tenant.call('GET', `/endpoints/${id}`)).body
    await deployMasterKeys(k2, k1)
    await rotateInTwoHours()
    expect((await tenant.call('GET', `/endpoints/${id}`)).body).toEqual(before)
  })

  it('takes over more endpoints than a page has', async () => {
    const tenants = await Promise.all(Array.from({ length: 3 }, () => createTenant()))
    const made = await Promise.all(
      tenants.map(async (tenant) => {
        const endpoints: Json[] = []
        for (let n = 0; n < 45; n++) endpoints.push(await tenant.endpoint())
        return endpoints.map((endpoint) => ({ tenant, endpoint }))
      }),
    )
    await deployMasterKeys(k2, k1)
    const lines = logged('info')
    await rotateInTwoHours()
    const runs = lines().filter(({ message }) => message === 'master_keys.rotate')
    expect(runs).toMatchObject([{ resealed: 135, is_cut_off: false }, { told: 135 }])
    expect(await masterKeyOf('k1')).toMatchObject({ secrets: 0, removable: true })
    await deployMasterKeys(k2)
    for (const { tenant, endpoint } of made.flat()) {
      expect(await reveal(tenant, endpoint.id)).toEqual([endpoint.secret])
    }
  }, 60_000)

  it('may be replaced by the one before it, half-way', async () => {
    const tenant = await createTenant()
    const endpoints = [await tenant.endpoint(), await tenant.endpoint()]
    await deployMasterKeys(k2, k1)
    await runCron('master_keys.rotate')
    await deployMasterKeys(k1, k2)
    await rotateInTwoHours()
    expect(await masterKeyOf('k2')).toMatchObject({ secrets: 0, removable: true })
    await deployMasterKeys(k1)
    for (const endpoint of endpoints) expect(await reveal(tenant, endpoint.id)).toEqual([endpoint.secret])
  })
})

describe('an audit log', () => {
  const verified = async (path: string) => (await call('GET', `${path}/audit-log/verify`)).body

  it('whose newest entry is under the old key keeps that from being removable, until one under the new key vouches for it', async () => {
    const tenant = await createTenant()
    await call('POST', '/v1/keys', { body: { name: 'Ada' } })
    await deployMasterKeys(k2, k1)
    await runCron('master_keys.rotate')
    expect(await masterKeyOf('k1')).toMatchObject({ secrets: 0, audit_logs: 2, removable: false })
    skip(HOUR_MS)
    await runCron('master_keys.rotate')
    expect(await masterKeyOf('k1')).toMatchObject({ audit_logs: 0, removable: true })
    const [newest] = (await tenant.call('GET', '/audit-log')).body.data
    expect(newest).toMatchObject({ action: 'master_key.rotate', target: 'k2', actor: { role: 'system' } })

    await deployMasterKeys(k2)
    expect(await verified(tenant.path)).toMatchObject({ holds: true, unvouched: 0 })
    expect(await verified('/v1')).toMatchObject({ holds: true, unvouched: 0 })
  })

  it('of the operators says who asked for a rotation', async () => {
    await call('POST', '/v1/master-keys/rotation')
    const { body } = await call('GET', '/v1/audit-log?action=master_key.rotate')
    expect(body.data[0]).toMatchObject({ target: 'k1', actor: { role: 'operator' } })
  })
})

describe('the job', () => {
  it('costs one query when there is nothing to do', async () => {
    const tenant = await createTenant()
    await tenant.endpoint()
    await rotateInTwoHours()
    const prepared = vi.spyOn(env.DB, 'prepare')
    const lines = logged('info')
    await runCron('master_keys.rotate')
    expect(prepared).toHaveBeenCalledTimes(1)
    expect(lines()).toContainEqual(expect.objectContaining({ message: 'master_keys.rotate', is_cut_off: false }))
  })

  it.each([8, 9, 10, 13])('comes to its end when each run is cut off after %i calls', async (calls) => {
    const tenant = await createTenant()
    const endpoints = [await tenant.endpoint(), await tenant.endpoint({ lanes: 2 }), await tenant.endpoint()]
    await deployMasterKeys(k2, k1)
    let runs = 0
    await eventually('the rotation to be done', async () => {
      // Everybody has heard of the deployment by the second run.
      if (++runs === 2) skip(HOUR_MS)
      await rotateMasterKey(deps(), new Run(Date.now, { calls, ms: 60_000 }))
      const { data, rotation } = await masterKeys()
      const done = rotation.step === 'done'
      // Never said before it is so.
      if (!done) expect(data.map(({ removable }: Json) => removable)).toEqual([false, false])
      return done
    })
    expect(runs).toBeGreaterThan(2)
    for (const { id } of endpoints) expect([await keysInDatabase(id), await keysInCopy(id)]).toEqual([['k2'], ['k2']])
    await deployMasterKeys(k2)
    for (const endpoint of endpoints) {
      expect(isSignedWith(endpoint.secret, await deliver(tenant, endpoint))).toBe(true)
    }
  })

  it('goes on when the database failed in the middle', async () => {
    const tenant = await createTenant()
    const { id, secret } = await tenant.endpoint()
    await deployMasterKeys(k2, k1)
    const batch = vi.spyOn(env.DB, 'batch').mockRejectedValueOnce(new Error('D1_ERROR: Network connection lost.'))
    await expect(runCron('master_keys.rotate')).rejects.toThrow('D1_ERROR')
    expect(batch).toHaveBeenCalled()
    expect(await keysInDatabase(id)).toEqual(['k1'])
    await rotateInTwoHours()
    expect(await masterKeyOf('k1')).toMatchObject({ secrets: 0, removable: true })
    await deployMasterKeys(k2)
    expect(await reveal(tenant, id)).toEqual([secret])
  })

  it('is overtaken by another run of it, and then changes nothing more', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    await deployMasterKeys(k2, k1)
    const batch = env.DB.batch.bind(env.DB)
    const other = new Run(Date.now, { calls: 2, ms: 60_000 })
    vi.spyOn(env.DB, 'batch').mockImplementationOnce(async (statements) => {
      // Takes over, and has no call left for more.
      await rotateMasterKey(deps(), other)
      return batch(statements) as Promise<never>
    })
    const run = new Run(Date.now)
    await rotateMasterKey(deps(), run)
    expect(run.counts).not.toHaveProperty('resealed')
    expect(await keysInDatabase(id)).toEqual(['k1'])
    await rotateMasterKey(deps(), new Run(Date.now))
    expect(await keysInDatabase(id)).toEqual(['k2'])
  })

  it('can be run now by an operator, in the background, and from the beginning', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    await rotateInTwoHours()
    await deployMasterKeys(k2, k1)
    expect((await call('POST', '/v1/master-keys/rotation')).status).toBe(202)
    await eventually('the secret to be sealed again', async () => (await keysInDatabase(id))[0] === 'k2')
    skip(HOUR_MS)
    await runCron('master_keys.rotate')
    expect((await masterKeys()).rotation.step).toBe('done')
    const lines = logged('info')
    expect((await call('POST', '/v1/master-keys/rotation')).status).toBe(202)
    await eventually('the Endpoint to be told again', () => lines().some(({ told }) => told === 1))
  })

  it.each(['admin', 'viewer'])('is the operator’s, and not for a tenant’s %s', async (role) => {
    const key = await (await createTenant()).key(role)
    expectProblem(await call('GET', '/v1/master-keys', { key }), 403, 'forbidden')
    expectProblem(await call('POST', '/v1/master-keys/rotation', { key }), 403, 'forbidden')
  })
})

describe('secrets that are rotated by their owner meanwhile', () => {
  it('are not written over: the new one stays, and the one that was retired stays retired', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await deployMasterKeys(k2, k1)
    const batch = env.DB.batch.bind(env.DB)
    let rotated: Json
    vi.spyOn(env.DB, 'batch').mockImplementationOnce(async (statements) => {
      const body = { overlap_s: 0 }
      rotated = (await tenant.call('POST', `/endpoints/${endpoint.id}/secret/rotate`, { body })).body
      return batch(statements) as Promise<never>
    })
    const run = new Run(Date.now)
    await rotateMasterKey(deps(), run)
    expect(run.counts).toMatchObject({ changed_meanwhile: 1 })
    expect(await reveal(tenant, endpoint.id)).toEqual([rotated.secret])
    skip(HOUR_MS)
    await runCron('master_keys.rotate')
    await deployMasterKeys(k2)
    const arrival = await deliver(tenant, endpoint)
    expect(isSignedWith(rotated.secret, arrival)).toBe(true)
    expect(isSignedWith(endpoint.secret, arrival)).toBe(false)
  })

  it('are all there when many do it at once, and so are header values', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await deployMasterKeys(k2, k1)
    const rotations = Array.from({ length: 4 }, async () => {
      const { status, body } = await tenant.call('POST', `/endpoints/${endpoint.id}/secret/rotate`)
      expect(status, JSON.stringify(body)).toBe(200)
      return body.secret
    })
    const headers = { authorization: 'Bearer of now' }
    const [secrets] = await Promise.all([
      Promise.all(rotations),
      rotateMasterKey(deps(), new Run(Date.now)),
      tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { headers } }),
    ])
    await rotateInTwoHours()
    await deployMasterKeys(k2)
    const arrival = await deliver(tenant, endpoint)
    for (const secret of [endpoint.secret, ...secrets]) expect(isSignedWith(secret, arrival)).toBe(true)
    expect(arrival.headers.get('authorization')).toBe('Bearer of now')
  })

  it('under the old key, by a part of the deployment that does not know the new one, are found by the next look', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    await deployMasterKeys(k2, k1)
    await rotateInTwoHours()
    await deployMasterKeys(k1)
    const { body } = await tenant.call('POST', `/endpoints/${id}/secret/rotate`, { body: { overlap_s: 0 } })
    await deployMasterKeys(k2, k1)
    expect(await masterKeyOf('k1')).toMatchObject({ secrets: 1, removable: false })
    await call('POST', '/v1/master-keys/rotation')
    await eventually('the old key to be free', async () => (await masterKeyOf('k1')).removable)
    await deployMasterKeys(k2)
    expect(await reveal(tenant, id)).toEqual([body.secret])
  })
})

describe('an Endpoint that does not answer', () => {
  it('keeps the old key from being called removable, until it has been told', async () => {
    const tenant = await createTenant()
    const [silent, other] = [await tenant.endpoint(), await tenant.endpoint()]
    await deployMasterKeys(k2, k1)
    const mend = breakEndpoint(silent.id)
    await rotateInTwoHours()
    expect(await keysInCopy(other.id)).toEqual(['k2'])
    expect(await masterKeys()).toMatchObject({
      data: [{ id: 'k2' }, { id: 'k1', secrets: 0, removable: false }],
      rotation: { step: 'tell', endpoints_told: false, endpoints_untold: 1 },
    })
    mend()
    expect(await keysInCopy(silent.id)).toEqual(['k1'])
    await runCron('master_keys.rotate')
    expect(await keysInCopy(silent.id)).toEqual(['k2'])
    expect(await masterKeyOf('k1')).toMatchObject({ removable: true })
  })

  it('and is deleted meanwhile keeps nobody waiting', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    await deployMasterKeys(k2, k1)
    const mend = breakEndpoint(id)
    await rotateInTwoHours()
    mend()
    await tenant.call('DELETE', `/endpoints/${id}`)
    await runCron('master_keys.rotate')
    expect(await masterKeyOf('k1')).toMatchObject({ removable: true })
  })
})

describe('a master key that was removed too early', () => {
  it('is named, stops neither the job nor other endpoints, and heals everything by coming back', async () => {
    const tenant = await createTenant()
    const lost = await tenant.endpoint({ headers: { authorization: 'Bearer s3cret' }, retry_delays_s: [] })
    await deployMasterKeys(k2)
    const fine = await tenant.endpoint()
    const errors = logged('error')
    await rotateInTwoHours()
    expect(await masterKeys()).toMatchObject({
      data: [
        { id: 'k2', configured: true, secrets: 1 },
        { id: 'k1', current: false, configured: false, secrets: 2, removable: false },
      ],
      rotation: { step: 'done', unsealable: 2 },
    })
    expect(errors()).toContainEqual(
      expect.objectContaining({
        level: 'error',
        message: 'secret.unsealable',
        tenant_id: tenant.id,
        endpoint_id: lost.id,
        column: 'secrets',
        error: expect.objectContaining({ message: 'unknown_key' }),
      }),
    )
    expectProblem(await tenant.call('GET', `/endpoints/${lost.id}/secret`), 500, 'secret_unsealable')
    const { body } = await tenant.call('GET', '/endpoints')
    expect(body.data.map(({ headers }: Json) => headers)).toEqual([{}, { authorization: '[unsealable]' }])

    // No retry is used up, of which it has none.
    const message_id = await tenant.published()
    await tenant.deliveryIn('succeeded', message_id, fine.id)
    expect(await tenant.deliveryIn('waiting', message_id, lost.id)).toMatchObject({ last_error: 'signing_failed' })

    await deployMasterKeys(k2, k1)
    await tenant.call('POST', `/deliveries/${message_id}.${lost.id}/retry`)
    await tenant.deliveryIn('succeeded', message_id, lost.id)
    await rotateInTwoHours()
    expect(await masterKeys()).toMatchObject({
      data: [
        { id: 'k2', secrets: 3 },
        { id: 'k1', removable: true },
      ],
      rotation: { unsealable: 0 },
    })
    expect(await keysInCopy(lost.id)).toEqual(['k2', 'k2'])
    await deployMasterKeys(k2)
    expect(await reveal(tenant, lost.id)).toEqual([lost.secret])
    const arrival = await deliver(tenant, lost)
    expect(isSignedWith(lost.secret, arrival)).toBe(true)
    expect(arrival.headers.get('authorization')).toBe('Bearer s3cret')
  })

  it('stops no Endpoint for long whose secret D1 has under another one: it asks there', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await deployMasterKeys(k2, k1)
    const mend = breakEndpoint(endpoint.id)
    await rotateInTwoHours()
    mend()
    await deployMasterKeys(k2)
    // By way of the queue, where nobody says that there is something newer.
    const item = { ...itemOf(Date.now()), body: { inline: new TextEncoder().encode('{}') } }
    const names = { tenant_id: tenant.id, endpoint_id: endpoint.id }
    await stubOf(endpoint.id).enqueue({ ...names, settings_version: 0, epoch: 0, as: 'home', items: [item] })
    await eventually('the copy to be renewed', async () => (await keysInCopy(endpoint.id)).join() === 'k2')
    const [waiting] = (await tenant.call('GET', `/deliveries?endpoint_id=${endpoint.id}`)).body.data
    expect(waiting).toMatchObject({ state: 'waiting', last_error: 'signing_failed' })
    await tenant.call('POST', `/deliveries/${waiting.id}/retry`)
    await tenant.deliveryIn('succeeded', waiting.message_id, endpoint.id)
    const [arrival] = receivers.current.arrivals(endpoint.url)
    expect(arrival && isSignedWith(endpoint.secret, arrival)).toBe(true)
  })

  it('leaves an endpoint that can be mended without it, by a new secret', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await deployMasterKeys(k2)
    const { body } = await tenant.call('POST', `/endpoints/${endpoint.id}/secret/rotate`, { body: { overlap_s: 0 } })
    expect(isSignedWith(body.secret, await deliver(tenant, endpoint))).toBe(true)
  })
})

describe('another key under the id of one before', () => {
  it('that is the current one is refused, before anything is sealed again under it', async () => {
    const tenant = await createTenant()
    const { id, secret } = await tenant.endpoint()
    await rotateInTwoHours()
    const errors = logged('error')
    await deployMasterKeys(masterKey('k1'), k2)
    await runCron('master_keys.rotate')
    expect(errors()).toContainEqual(expect.objectContaining({ message: 'master_keys.changed', key_id: 'k1' }))
    expect(await masterKeys()).toMatchObject({ data: [{ id: 'k1', changed: true }, {}], rotation: { step: 'refused' } })
    expectProblem(await call('POST', '/v1/master-keys/rotation'), 409, 'master_key_changed')
    await deployMasterKeys(k1)
    expect(await reveal(tenant, id)).toEqual([secret])
    expect((await masterKeys()).rotation.step).toBe('done')
  })

  it('that is an old one opens nothing, which is counted and named', async () => {
    const tenant = await createTenant()
    const { id, secret } = await tenant.endpoint()
    await rotateInTwoHours()
    const errors = logged('error')
    await deployMasterKeys(k2, masterKey('k1'))
    await rotateInTwoHours()
    expect(await masterKeys()).toMatchObject({
      data: [{ id: 'k2' }, { id: 'k1', changed: true, secrets: 1, removable: false }],
      rotation: { unsealable: 1 },
    })
    expect(errors()).toContainEqual(
      expect.objectContaining({ endpoint_id: id, error: expect.objectContaining({ message: 'not_authentic' }) }),
    )
    await deployMasterKeys(k2, k1)
    await rotateInTwoHours()
    expect(await masterKeyOf('k1')).toMatchObject({ changed: false, secrets: 0, removable: true })
    await deployMasterKeys(k2)
    expect(await reveal(tenant, id)).toEqual([secret])
  })

  it('loses nothing when both are there, whatever their ids', async () => {
    const tenant = await createTenant()
    const before = await tenant.endpoint()
    const impostor = masterKey('k1')
    await deployMasterKeys(impostor)
    const after = await tenant.endpoint()
    const renamed = impostor.replace('k1:', 'k1b:')
    await deployMasterKeys(k2, k1, renamed)
    for (const { id, secret } of [before, after]) expect(await reveal(tenant, id)).toEqual([secret])
    await rotateInTwoHours()
    await deployMasterKeys(k2)
    for (const { id, secret } of [before, after]) expect(await reveal(tenant, id)).toEqual([secret])
  })
})
