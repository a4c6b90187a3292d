/**
 * Secrets are planted, everything happens to them (planted-life.ts), and then everything that Postern keeps and says is
 * searched: D1, Endpoints, R2, logs, queues, Analytics Engine, and every answer but those that are meant to show a secret.
 */
/// <reference types="node" />
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { getTableName } from 'drizzle-orm'
import { afterEach, expect, it } from 'vitest'
import { SEALED_COLUMNS } from '../../src/master-keys/sealed-columns.ts'
import { stubOf, useReceivers } from './harness.ts'
import { deployMasterKeys } from './master-keys-ring.ts'
import { PlantedLife } from './planted-life.ts'
import { findPlanted, overhear, type Text, textsInBucket, textsInDatabase, textsInObject } from './planted-secrets.ts'

const receivers = useReceivers()

afterEach(async () => {
  await deployMasterKeys(env.MASTER_KEYS)
})

async function everythingKept(object_names: readonly string[]): Promise<Text[]> {
  const objects = await Promise.all(object_names.map(textsInObject))
  return [...(await textsInDatabase()), ...objects.flat(), ...(await textsInBucket())]
}

it('no secret is anywhere but where it is meant to be shown', { timeout: 60_000 }, async () => {
  const heard = await overhear()
  const life = new PlantedLife(receivers.current)
  const kept: Text[] = []
  await life.live(async () => void kept.push(...(await everythingKept(life.object_names))))
  const everything = [...kept, ...heard(), ...life.answers]
  expect([...new Set(findPlanted(life.planted, everything))]).toEqual([])

  // Nor was it for want of anything to look at.
  expect(life.planted.length).toBeGreaterThan(20)
  const places = new Set(everything.map(({ place }) => place))
  for (const place of [
    ...['D1 api_keys.hash', 'D1 endpoints.secrets', 'D1 deliveries.message_id', 'D1 dead_letters.body'],
    ...['D1 unmatched_messages.payload', 'D1 upkeep.progress', 'Endpoint deliveries.headers', 'Endpoint meta.value'],
    ...['R2', 'console.error', 'console.warn', 'console.info', 'Analytics Engine'],
    ...['queue FANOUT', 'queue RETRIES', 'queue DEAD_LETTERS'],
  ]) {
    expect([...places]).toContain(place)
  }

  // And what is sealed is known to the rotation of the master key, which would leave behind what it does not know.
  const is_sealed = /\bk[12]\.[A-Za-z0-9+/]{38,}/
  // What an audit log has under a key is a signature, which only goes on under the next one; so is that of a receipt.
  const is_signature = (place: string) => ['D1 audit_log.mac', 'D1 erasures.signature'].includes(place)
  const sealed = everything.filter(
    ({ place, text }) => place.startsWith('D1 ') && is_sealed.test(text) && !is_signature(place),
  )
  expect([...new Set(sealed.map(({ place }) => place))].toSorted()).toEqual(
    SEALED_COLUMNS.map(({ table, column }) => `D1 ${getTableName(table)}.${column.name}`).toSorted(),
  )
})

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const BYTES = Buffer.from(SECRET.slice(6), 'base64')

it.each([
  ['as it is', SECRET],
  ['without its prefix', `{"a":"${SECRET.slice(6)}"}`],
  ['as hexadecimal digits', BYTES.toString('hex')],
  ['as base64url', BYTES.toString('base64url')],
  ['as base64 of the text', btoa(SECRET)],
  ['in a query', `?key=${encodeURIComponent(SECRET)}`],
])('the search finds a secret that is written %s', (_how, text) => {
  expect(findPlanted([{ name: 'mine', secret: SECRET }], [{ place: 'here', text }])).toEqual(['mine in here'])
})

it('the search finds a secret wherever one is really kept or said', async () => {
  const mine = [{ name: 'mine', secret: SECRET }]
  const heard = await overhear()
  await env.DB.prepare('CREATE TABLE of_tomorrow (id TEXT PRIMARY KEY, bytes BLOB)').run()
  await env.DB.prepare('INSERT INTO of_tomorrow VALUES (?, ?)').bind('1', new TextEncoder().encode(SECRET)).run()
  await env.DB.prepare('INSERT INTO upkeep VALUES (?, ?, 0)')
    .bind('x', JSON.stringify({ a: [SECRET] }))
    .run()
  await env.PAYLOADS.put('planted', `a ${SECRET} here`)
  await runInDurableObject(stubOf('planted'), async (_endpoint, { storage }) => {
    storage.sql.exec(
      'INSERT INTO meta VALUES (?, ?)',
      'settings_of_tomorrow',
      JSON.stringify({ headers: { a: SECRET } }),
    )
    storage.sql.exec('CREATE TABLE of_tomorrow (bytes BLOB)')
    storage.sql.exec('INSERT INTO of_tomorrow VALUES (?)', new TextEncoder().encode(SECRET).buffer)
    await storage.put('value', { deep: [SECRET] })
  })
  console.warn({ error: new Error(`failed with ${SECRET}`) })
  await env.DEAD_LETTERS.sendBatch([{ body: { key: SECRET } as never }])
  const everything = [...(await everythingKept(['planted'])), ...heard()]
  expect(new Set(findPlanted(mine, everything))).toEqual(
    new Set([
      'mine in D1 of_tomorrow.bytes',
      'mine in D1 upkeep.progress',
      'mine in R2',
      'mine in Endpoint meta.value',
      'mine in Endpoint of_tomorrow.bytes',
      'mine in Endpoint storage value',
      'mine in console.warn',
      'mine in queue DEAD_LETTERS',
    ]),
  )
})
