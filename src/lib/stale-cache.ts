/** What a cached value is still good for, by its age. */
export interface Freshness {
  /** Up to this age it is used as it is. */
  fresh_ms: number
  /** From this age on, its use starts a reload in the background. */
  refresh_after_ms: number
  /** Up to this age it is used when the loader fails. */
  stale_ms: number
  /** Entries kept; the one used least recently makes room. */
  size_max: number
}

interface Entry<V> {
  value: V
  loaded_at: number
}

/**
 * A cache in an isolate's memory that keeps hot configuration hot: reloads ahead of expiry, shares
 * concurrent loads, and serves what it knows while the source is down.
 */
export class StaleCache<V> {
  private readonly freshness: Freshness
  private readonly entries = new Map<string, Entry<V>>()
  private readonly loads = new Map<string, Promise<V>>()

  constructor(freshness: Freshness) {
    this.freshness = freshness
  }

  /**
   * @param now Unix milliseconds
   * @param background keeps a reload alive after the request (`waitUntil`)
   * @throws what the loader throws, when nothing usable is known
   */
  async get(
    key: string,
    load: () => Promise<V>,
    now: () => number,
    background: (work: Promise<unknown>) => void,
  ): Promise<V> {
    const entry = this.entries.get(key)
    const age_ms = entry === undefined ? Number.POSITIVE_INFINITY : now() - entry.loaded_at
    if (entry !== undefined && age_ms < this.freshness.fresh_ms) {
      this.entries.delete(key)
      this.entries.set(key, entry)
      if (age_ms >= this.freshness.refresh_after_ms) background(this.load(key, load, now).catch(() => {}))
      return entry.value
    }
    try {
      return await this.load(key, load, now)
    } catch (error) {
      if (entry !== undefined && age_ms < this.freshness.stale_ms) return entry.value
      throw error
    }
  }

  /** Forgets every key that the predicate names; a load under way does not bring it back. */
  forget(isForgotten: (key: string) => boolean): void {
    for (const key of this.entries.keys()) if (isForgotten(key)) this.entries.delete(key)
    for (const key of this.loads.keys()) if (isForgotten(key)) this.loads.delete(key)
  }

  private load(key: string, load: () => Promise<V>, now: () => number): Promise<V> {
    const under_way = this.loads.get(key)
    if (under_way !== undefined) return under_way
    const started_at = now()
    const loading = load()
      .then((value) => {
        if (this.loads.get(key) === loading) this.keep(key, { value, loaded_at: started_at })
        return value
      })
      .finally(() => {
        if (this.loads.get(key) === loading) this.loads.delete(key)
      })
    this.loads.set(key, loading)
    return loading
  }

  private keep(key: string, entry: Entry<V>): void {
    this.entries.delete(key)
    this.entries.set(key, entry)
    if (this.entries.size <= this.freshness.size_max) return
    const [oldest] = this.entries.keys()
    if (oldest !== undefined) this.entries.delete(oldest)
  }
}
