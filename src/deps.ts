import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import { type Author, SYSTEM } from './audit/entry.ts'
import { type Bindings, readSettings, type Settings } from './env.ts'
import type { RandomBytes } from './lib/ids.ts'
import type { Trace } from './lib/trace-context.ts'

/** What every verb works with: handed in, so that a verb knows neither HTTP nor where time and randomness come from. */
export interface Deps {
  env: Bindings
  settings: Settings
  db: DrizzleD1Database
  /** Unix milliseconds. */
  now: () => number
  random: RandomBytes
  /** Lets work go on after the answer has left. */
  waitUntil: (work: Promise<unknown>) => void
  /** On whose behalf: what the audit log names. */
  author: Author
  /** Of the request; null where nobody asked, as in a cron. */
  trace: Trace | null
}

const prepared = new WeakMap<object, Omit<Deps, 'waitUntil' | 'author' | 'trace'>>()

/**
 * Made once per isolate, but for `waitUntil`, `author` and `trace`, which belong to a request.
 * @throws Error when the deployment's settings cannot be used
 */
export function createDeps(env: Bindings, waitUntil: Deps['waitUntil']): Deps {
  let deps = prepared.get(env)
  if (deps === undefined) {
    deps = {
      env,
      settings: readSettings(env),
      db: drizzle(env.DB),
      now: () => Date.now(),
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    }
    prepared.set(env, deps)
  }
  return { ...deps, waitUntil, author: SYSTEM, trace: null }
}
