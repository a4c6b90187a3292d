/** What `npm start`, `npm run dev` and `npm run send` keep between runs. */

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { createApiKey } from '../src/keys/api-key.ts'

const secretsSchema = z.object({
  /** `id:base64`, 32 bytes. */
  MASTER_KEYS: z.string(),
  POSTERN_OPERATOR_KEY: z.string(),
})

export type Secrets = z.output<typeof secretsSchema>

const demoSchema = z.object({
  api_key: z.string(),
  endpoint_id: z.string(),
  receiver_port: z.int(),
  /** For `npm run send`. Files of before it have none. */
  gateway_url: z.string().optional(),
})

/** How to reach the demo of the last run again. */
export type DemoState = z.output<typeof demoSchema>

/** New secrets for a deployment that only this machine can reach. */
export async function generateSecrets(): Promise<Secrets> {
  return {
    MASTER_KEYS: `local:${randomBytes(32).toString('base64')}`,
    POSTERN_OPERATOR_KEY: await createApiKey('test', randomBytes),
  }
}

/** Undefined when nothing was started there yet. */
export function readSecrets(file: string): Promise<Secrets | undefined> {
  return readState(file, secretsSchema)
}

/** The secrets in a file that only its owner may read; made on first use. */
export async function ensureSecrets(file: string): Promise<Secrets> {
  const known = await readSecrets(file)
  if (known !== undefined) return known
  const secrets = await generateSecrets()
  await writePrivate(file, JSON.stringify(secrets, null, 2))
  return secrets
}

/** Undefined when there was no demo yet or its file is damaged; both are made good through the API. */
export function readDemo(file: string): Promise<DemoState | undefined> {
  return readState(file, demoSchema)
}

export function writeDemo(file: string, demo: DemoState): Promise<void> {
  return writePrivate(file, JSON.stringify(demo, null, 2))
}

/** By the id of the source, which no two gateways share. */
const keysOfSourcesSchema = z.record(
  z.string(),
  z.object({
    signing_key: z.string(),
    credentials: z.record(z.string(), z.string()),
    settings: z.record(z.string(), z.unknown()).default({}),
  }),
)

export type KeysOfSources = z.output<typeof keysOfSourcesSchema>

/** What signs for the sources that `npm run send` has made. Those that are lost are made anew. */
export async function readKeysOfSources(file: string): Promise<KeysOfSources> {
  return (await readState(file, keysOfSourcesSchema)) ?? {}
}

export function writeKeysOfSources(file: string, keys: KeysOfSources): Promise<void> {
  return writePrivate(file, JSON.stringify(keys, null, 2))
}

async function readState<State>(file: string, schema: z.ZodType<State>): Promise<State | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Writes a file that only its owner may read. */
export async function writePrivate(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${text}\n`, { mode: 0o600 })
}
