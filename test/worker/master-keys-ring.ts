/** The deployment's master keys, put in place of each other as an operator does it with a deploy. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { type Bindings, readSettings } from '../../src/env.ts'
import { parseKeyring } from '../../src/lib/keyring.ts'
import { call, type Json, runCron, skip, stubOf } from './harness.ts'

/** `id:base64` of a new key. */
export function masterKey(id: string): string {
  return `${id}:${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`
}

/** From now on MASTER_KEYS is this, for all parts of the Worker. */
export async function deployMasterKeys(...keys: string[]): Promise<void> {
  const ring = parseKeyring(keys.join(','))
  if (!ring.ok) throw new Error(ring.error)
  const env_of_objects = await runInDurableObject(
    stubOf('any'),
    (endpoint) => (endpoint as unknown as { env: Bindings }).env,
  )
  // In place, because whoever is at work holds on to it.
  for (const of_part of [env, env_of_objects]) Object.assign(readSettings(of_part).keyring, ring.value)
}

/** The answer of GET /v1/master-keys. */
export async function masterKeys(): Promise<Json> {
  return (await call('GET', '/v1/master-keys')).body
}

export async function masterKeyOf(id: string): Promise<Json> {
  return (await masterKeys()).data.find((key: Json) => key.id === id)
}

/** Two hours' crons: the second one finds a deployment that has reached everybody. */
export async function rotateInTwoHours(): Promise<void> {
  await runCron('master_keys.rotate')
  skip(60 * 60 * 1000)
  await runCron('master_keys.rotate')
}
