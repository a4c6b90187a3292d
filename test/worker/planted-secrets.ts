/** A search for secrets in everything that Postern keeps and says: it asks the storage itself what there is to look through. */
/// <reference types="node" />
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { Bindings } from '../../src/env.ts'
import { stubOf } from './harness.ts'

export interface Planted {
  name: string
  secret: string
}

/** Something that was kept or said, and where. */
export interface Text {
  place: string
  text: string
  /** Names of what may be there, as in the one answer that shows a new secret. */
  shows?: readonly string[]
}

/** Shorter than this, a part of a secret may be anywhere by chance. */
const CORE_LENGTH_MIN = 12

/** The ways in which a secret may be written. */
function formsOf(secret: string): string[] {
  const core = secret.replace(/^(whsec_|whsk_|pst_(live|test)_|Bearer |[\w-]+:)/, '')
  const bytes = Buffer.from(core, 'base64')
  return [
    secret,
    core,
    encodeURIComponent(core),
    JSON.stringify(core).slice(1, -1),
    Buffer.from(secret).toString('base64').replaceAll('=', ''),
    Buffer.from(core).toString('base64').replaceAll('=', ''),
    Buffer.from(core).toString('hex'),
    bytes.toString('hex'),
    bytes.toString('base64url'),
  ].filter(({ length }) => length >= CORE_LENGTH_MIN)
}

/** Each secret that is somewhere, and where. */
export function findPlanted(planted: readonly Planted[], texts: readonly Text[]): string[] {
  const sought = planted.map(({ name, secret }) => ({ name, forms: [...new Set(formsOf(secret))] }))
  return texts.flatMap(({ place, text, shows = [] }) =>
    sought
      .filter(({ name, forms }) => !shows.includes(name) && forms.some((form) => text.includes(form)))
      .map(({ name }) => `${name} in ${place}`),
  )
}

/** Everything in D1, by table and column, whatever tables there are. */
export async function textsInDatabase(): Promise<Text[]> {
  const tables = await env.DB.prepare(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_cf_%' ESCAPE '\\'`,
  ).run<{ name: string }>()
  const found = await Promise.all(
    tables.results.map(async ({ name }) => {
      const { results } = await env.DB.prepare(`SELECT * FROM "${name}"`).run()
      return results.flatMap((row) =>
        Object.entries(row).map(([column, value]) => ({ place: `D1 ${name}.${column}`, text: toText(value) })),
      )
    }),
  )
  return found.flat()
}

/** Everything in the storage of an Endpoint. */
export function textsInObject(object_name: string): Promise<Text[]> {
  return runInDurableObject(stubOf(object_name), async (_endpoint, { storage }) => {
    const tables = storage.sql
      .exec<{ name: string }>(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf_%' ESCAPE '\\'`,
      )
      .toArray()
    const rows = tables.flatMap(({ name }) =>
      storage.sql
        .exec(`SELECT * FROM "${name}"`)
        .toArray()
        .flatMap((row) =>
          Object.entries(row).map(([column, value]) => ({ place: `Endpoint ${name}.${column}`, text: toText(value) })),
        ),
    )
    const values = [...(await storage.list())].map(([key, value]) => ({
      place: `Endpoint storage ${key}`,
      text: toText(value),
    }))
    return [...rows, ...values]
  })
}

/** Everything in R2. */
export async function textsInBucket(): Promise<Text[]> {
  const { objects } = await env.PAYLOADS.list({ include: ['customMetadata', 'httpMetadata'] })
  return Promise.all(
    objects.map(async ({ key, customMetadata, httpMetadata }) => {
      const body = (await (await env.PAYLOADS.get(key))?.text()) ?? ''
      return { place: 'R2', text: [key, toText({ customMetadata, httpMetadata }), body].join('\n') }
    }),
  )
}

/** What is logged, queued, and given to Analytics Engine from now on. */
export async function overhear(): Promise<() => Text[]> {
  const heard: Text[] = []
  const hear = (place: string) => (said: readonly unknown[]) =>
    void heard.push({ place, text: said.map(toText).join(' ') })
  for (const level of ['debug', 'log', 'info', 'warn', 'error', 'trace'] as const) {
    vi.spyOn(console, level).mockImplementation((...said: unknown[]) => hear(`console.${level}`)(said))
  }
  const env_of_objects = await runInDurableObject(
    stubOf('any'),
    (endpoint) => (endpoint as unknown as { env: Bindings }).env,
  )
  for (const name of ['FANOUT', 'RETRIES', 'RELEASES', 'DEAD_LETTERS'] as const) {
    for (const queue of new Set<Queue<unknown>>([env[name], env_of_objects[name]])) {
      const send = queue.send.bind(queue)
      const sendBatch = queue.sendBatch.bind(queue)
      vi.spyOn(queue, 'send').mockImplementation((...message) => {
        hear(`queue ${name}`)(message)
        return send(...message)
      })
      vi.spyOn(queue, 'sendBatch').mockImplementation((messages, options) => {
        const all = [...messages]
        hear(`queue ${name}`)(all)
        return sendBatch(all, options)
      })
    }
  }
  for (const dataset of new Set([env.ATTEMPTS, env_of_objects.ATTEMPTS, env.REQUESTS])) {
    vi.spyOn(dataset, 'writeDataPoint').mockImplementation((point) => hear('Analytics Engine')([point]))
  }
  return () => heard
}

/** Whatever it is, so that a text in it can be found: bytes as text and as hexadecimal digits. */
function toText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) return `${value.stack ?? value.message} ${toText(value.cause)}`
  if (value instanceof ArrayBuffer) return toText(new Uint8Array(value))
  if (value instanceof Uint8Array || (Array.isArray(value) && value.every((byte) => typeof byte === 'number'))) {
    const bytes = Buffer.from(value)
    return `${bytes.toString('latin1')} ${bytes.toString('hex')}`
  }
  if (value instanceof Map || value instanceof Set) return toText([...value])
  if (Array.isArray(value)) return value.map(toText).join(' ')
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, part]) => `${name} ${toText(part)}`)
      .join(' ')
  }
  return String(value)
}
