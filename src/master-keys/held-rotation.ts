import type { Deps } from '../deps.ts'
import type { Rotation } from './rotation.ts'
import { IS_MINE } from './sealed-statements.ts'

/** A rotation as it is stored, and its text, which is how a run knows that nobody was faster. */
interface Stored {
  rotation: Rotation
  text: string
  updated_at: number
}

/** How far it has come; null when there never was one. */
export async function loadRotation({ env }: Pick<Deps, 'env'>): Promise<Stored | null> {
  return readRotation(await env.DB.prepare(LOAD).first<{ progress: string; updated_at: number }>())
}

export function readRotation(row: { progress: string; updated_at: number } | null): Stored | null {
  if (row === null) return null
  return { rotation: JSON.parse(row.progress) as Rotation, text: row.progress, updated_at: row.updated_at }
}

/** A rotation in the hands of one run: what it writes is in force only until another run takes over. */
export class HeldRotation {
  rotation: Rotation
  private readonly deps: Pick<Deps, 'env' | 'now'>

  private constructor(deps: Pick<Deps, 'env' | 'now'>, rotation: Rotation) {
    this.deps = deps
    this.rotation = rotation
  }

  /** Takes over from whoever had it, unless somebody else did so first. */
  static async take(
    deps: Pick<Deps, 'env' | 'now'>,
    before: Stored | null,
    rotation: Rotation,
  ): Promise<HeldRotation | null> {
    const { env, now } = deps
    const progress = JSON.stringify(rotation)
    const { meta } = await (before === null
      ? env.DB.prepare(BEGIN).bind(progress, now())
      : env.DB.prepare(TAKE).bind(progress, now(), before.text)
    ).run()
    return meta.changes === 0 ? null : new HeldRotation(deps, rotation)
  }

  get run(): string {
    return this.rotation.run
  }

  /**
   * Keeps how far it has come, in one batch with what was done for it.
   * @returns rows that each statement has changed; null when another run has taken over, and nothing was done
   */
  async keep(rotation: Rotation, statements: D1PreparedStatement[] = []): Promise<number[] | null> {
    const { env, now } = this.deps
    const keeping = env.DB.prepare(KEEP).bind(JSON.stringify(rotation), now(), this.run)
    const changes = (await env.DB.batch([keeping, ...statements])).map(({ meta }) => meta.changes)
    if (changes[0] === 0) return null
    this.rotation = rotation
    return changes.slice(1)
  }
}

export const LOAD = `SELECT progress, updated_at FROM upkeep WHERE job = 'master_keys'`
const BEGIN = `INSERT INTO upkeep (job, progress, updated_at) VALUES ('master_keys', ?1, ?2) ON CONFLICT (job) DO NOTHING`
const TAKE = `UPDATE upkeep SET progress = ?1, updated_at = ?2 WHERE job = 'master_keys' AND progress = ?3`
const KEEP = `UPDATE upkeep SET progress = ?1, updated_at = ?2 WHERE job = 'master_keys' AND EXISTS (${IS_MINE('?3')})`
