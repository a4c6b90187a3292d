import { withPatience } from './patience.ts'

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

interface Load<V> {
  loading: Promise<V>
  started_at: number
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
   * @throws what the loader throws, when nothing usable is known
   */
  async get(
    key: string,
    load: () => Promise<V>,
    now: () => number,
    background: (work: Promise<unknown>) => void,
    unheard: (error: unknown) => void = () => {},
  ): Promise<V> {
    const entry = this.entries.get(key)
    if (entry === undefined) return this.load(key, load, now, background)
    const age_ms = now() - entry.loaded_at
    if (age_ms < this.freshness.fresh_ms) {
      this.entries.delete(key)
      this.entries.set(key, entry)
      if (age_ms >= this.freshness.refresh_after_ms) void this.load(key, load, now, background).catch(unheard)
      return entry.value
    }
    const loading = this.load(key, load, now, background)
    if (age_ms >= this.freshness.stale_ms) return loading
    const known = loading.catch((error) => {
      unheard(error)
      return entry.value
    })
    return withPatience(known, PATIENCE_MS, entry.value)
  }

  /** What is known under this key, without asking for it. */
  peek(key: string): V | undefined {
    return this.entries.get(key)?.value
  }

  /** Forgets every key that the predicate names; a load under way does not bring it back. */
  forget(isForgotten: (key: string) => boolean): void {
    for (const key of this.entries.keys()) if (isForgotten(key)) this.drop(key)
    for (const key of this.loads.keys()) if (isForgotten(key)) this.loads.delete(key)
  }

  /** Forgets one key, without looking at the others. */
  discard(key: string): void {
    this.drop(key)
    this.loads.delete(key)
  }

  private load(
    key: string,
    load: () => Promise<V>,
    now: () => number,
    background: (work: Promise<unknown>) => void,
  ): Promise<V> {
    const started_at = now()
    const under_way = this.loads.get(key)
    if (under_way !== undefined && started_at - under_way.started_at < JOIN_MS_MAX) return under_way.loading
    const loading = load()
      .then((value) => {
        if (this.loads.get(key)?.loading === loading) this.keep(key, value, started_at)
        return value
      })
      .finally(() => {
        if (this.loads.get(key)?.loading === loading) this.loads.delete(key)
      })
    this.loads.set(key, { loading, started_at })
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
