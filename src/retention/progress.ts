import { eq } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { upkeep } from './table.ts'

type Jobs = 'rows' | 'payloads' | 'content' | 'audit' | 'canary'

/** Where the run before stopped; null at the very first. */
export async function loadProgress<T>({ db }: Pick<Deps, 'db'>, job: Jobs): Promise<T | null> {
  const row = await db.select().from(upkeep).where(eq(upkeep.job, job)).get()
  return row === undefined ? null : (row.progress as T)
}

/** Written in one batch with what it says was done. */
export function saveProgress({ env, now }: Pick<Deps, 'env' | 'now'>, job: Jobs, progress: unknown) {
  return env.DB.prepare(UPSERT).bind(job, JSON.stringify(progress), now())
}

const UPSERT = `INSERT INTO upkeep (job, progress, updated_at) VALUES (?1, ?2, ?3)
  ON CONFLICT (job) DO UPDATE SET progress = excluded.progress, updated_at = excluded.updated_at`
