/**
 * What every handler has: `c.var.deps` to work with and, behind `defineRoute`, `c.var.access` for who
 * asks and which tenant it is about.
 *
 * How a domain is written: `routes.ts` holds contracts (`defineRoute`, which names the permission) and
 * thin handlers; each verb is a file of its own, takes `deps` first, knows no HTTP and answers a
 * `Result<…, Problem>` where it can be refused; the handler says `unwrap(await verb(c.var.deps, …))`.
 */

import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import type { Context } from 'hono'
import { type Bindings, readSettings, type Settings } from '../env.ts'
import type { RandomBytes } from '../lib/ids.ts'
import { type Keyring, parseKeyring } from '../lib/keyring.ts'
import type { Result } from '../lib/result.ts'
import type { Access } from './access.ts'
import { type Problem, ProblemError } from './problems.ts'

export interface Deps {
  env: Bindings
  settings: Settings
  db: DrizzleD1Database
  keyring: Keyring
  /** Unix milliseconds. */
  now: () => number
  random: RandomBytes
  /** Lets work go on after the answer has left. */
  waitUntil: (work: Promise<unknown>) => void
}

export interface AppEnv {
  Bindings: Bindings
  Variables: {
    requestId: string
    deps: Deps
    access: Access
  }
}

export type AppContext = Context<AppEnv>

const prepared = new WeakMap<object, Omit<Deps, 'waitUntil'>>()

/**
 * @throws Error when the deployment's settings cannot be used
 */
export function createDeps(env: Bindings, waitUntil: Deps['waitUntil']): Deps {
  let deps = prepared.get(env)
  if (deps === undefined) {
    const settings = readSettings(env)
    const keyring = parseKeyring(settings.master_keys)
    if (!keyring.ok) throw new Error(`MASTER_KEYS: ${keyring.error}`)
    deps = {
      env,
      settings,
      db: drizzle(env.DB),
      keyring: keyring.value,
      now: () => Date.now(),
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    }
    prepared.set(env, deps)
  }
  return { ...deps, waitUntil }
}

/** The value of a result; a refusal becomes the answer. */
export function unwrap<T>(result: Result<T, Problem>): T {
  if (!result.ok) throw new ProblemError(result.error)
  return result.value
}
