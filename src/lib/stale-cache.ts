import { withPatience } from './patience.ts'
import { err, ok, type Result } from './result.ts'

/** What a cached value is still good for, by its age. */
export interface Freshness {
  /** Up to this age it is used as it is. */
  fresh_ms: number
  /** From this age on, its use starts a reload in the background. */
  refresh_after_ms: number
  /** Up to this age it is used when the loader fails. */
  stale_ms: number
  /** Size of all values kept; those used least recently make room. */
  size_max: number
}

/** A source that does not answer by then is taken for one that is down. */
const PATIENCE_MS = 1000
/** A load that is older is joined by nobody: it may never end. */
const JOIN_MS_MAX = 5000
/** How often one who waits for another's load looks whether it has ended. */
const LOOK_MS = 5

/**
 * A load under way, and how it ended. Not its promise: that belongs to the request that began it, and
 * whoever awaits it may go on in that request's context, where its own body cannot be read. The runtime
 * mends this for code that is not hot yet, and then no longer (decision 30).
 */
interface Load<V> {
  readonly started_at: number
  end: Result<V, unknown> | null
}

interface Entry<V> {
  value: V
  size: number
  loaded_at: number
}

/**
 * A cache in an isolate's memory that keeps hot configuration hot: reloads ahead of expiry, shares
 * concurrent loads, and serves what it knows while the source is down.
 */
export class StaleCache<V> {
  private readonly freshness: Freshness
  private readonly sizeOf: (value: V) => number
  private readonly entries = new Map<string, Entry<V>>()
  private readonly loads = new Map<string, Load<V>>()
  private size = 0

  /** @param sizeOf size of a value, in the unit of `size_max` */
  constructor(freshness: Freshness, sizeOf: (value: V) => number) {
    this.freshness = freshness
    this.sizeOf = sizeOf
  }

  /**
   * @param now Unix milliseconds
   * @param background keeps a load alive after the request (`waitUntil`): one whose request is gone never ends
   * @param unheard hears of a loader that failed while what is known serves
   * @param stale_ms less than `Freshness` has, for who may not go by what is so old; what is older is waited for
   * @throws what the loader throws, when nothing usable is known
   */
  async get(
    key: string,
    load: () => Promise<V>,
    now: () => number,
    background: (work: Promise<unknown>) => void,
    unheard: (error: unknown) => void = () => {},
    stale_ms: number = this.freshness.stale_ms,
  ): Promise<V> {
    const entry = this.entries.get(key)
    const age_ms = entry === undefined ? Number.POSITIVE_INFINITY : now() - entry.loaded_at
    const under_way = this.underWay(key, now())
    if (entry !== undefined && age_ms < this.freshness.fresh_ms) {
      this.entries.delete(key)
      this.entries.set(key, entry)
      if (age_ms >= this.freshness.refresh_after_ms && under_way === null) {
        void this.load(key, load, now, background).catch(unheard)
      }
      return entry.value
    }
    const known = age_ms < stale_ms ? entry : undefined
    if (under_way === null) {
      const loading = this.load(key, load, now, background)
      if (known === undefined) return loading
      const loaded = loading.catch((error) => {
        unheard(error)
        return known.value
      })
      return withPatience(loaded, PATIENCE_MS, known.value)
    }
    const end = await endOf(under_way, known === undefined ? JOIN_MS_MAX : PATIENCE_MS)
    if (end?.ok) return end.value
    if (known !== undefined) return known.value
    if (end === null) return this.load(key, load, now, background)
    throw end.error
  }

  /** What is known under this key, without asking for it. */
  peek(key: string): V | undefined {
    return this.entries.get(key)?.value
  }

  /**
   * Forgets every key that the predicate names; a load under way does not bring it back.
   * @param isForgotten is given no value where none is known yet
   */
  forget(isForgotten: (key: string, value?: V) => boolean): void {
    for (const [key, { value }] of this.entries) if (isForgotten(key, value)) this.drop(key)
    for (const key of this.loads.keys()) if (isForgotten(key)) this.loads.delete(key)
  }

  /** Forgets one key, without looking at the others. */
  discard(key: string): void {
    this.drop(key)
    this.loads.delete(key)
  }

  private underWay(key: string, now: number): Load<V> | null {
    const load = this.loads.get(key)
    return load !== undefined && now - load.started_at < JOIN_MS_MAX ? load : null
  }

  private load(
    key: string,
    load: () => Promise<V>,
    now: () => number,
    background: (work: Promise<unknown>) => void,
  ): Promise<V> {
    const mine: Load<V> = { started_at: now(), end: null }
    this.loads.set(key, mine)
    const run = async () => {
      try {
        const value = await load()
        if (this.loads.get(key) === mine) this.keep(key, value, mine.started_at)
        mine.end = ok(value)
        return value
      } catch (error) {
        mine.end = err(error)
        throw error
      } finally {
        if (this.loads.get(key) === mine) this.loads.delete(key)
      }
    }
    const loading = run()
    background(loading.catch(() => {}))
    return loading
  }

  private keep(key: string, value: V, loaded_at: number): void {
    this.drop(key)
    const size = this.sizeOf(value)
    this.entries.set(key, { value, size, loaded_at })
    this.size += size
    for (const oldest of this.entries.keys()) {
      if (this.size <= this.freshness.size_max) return
      this.drop(oldest)
    }
  }

  private drop(key: string): void {
    this.size -= this.entries.get(key)?.size ?? 0
    this.entries.delete(key)
  }
}

/** How another's load ended, by timers of one's own; null when it has not by then. */
async function endOf<V>(load: Load<V>, limit_ms: number): Promise<Load<V>['end']> {
  for (let waited_ms = 0; load.end === null && waited_ms < limit_ms; waited_ms += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  return load.end
}
