import { describe, expect, it, vi } from 'vitest'
import { StaleCache } from '../../src/lib/stale-cache.ts'

const FRESHNESS = { fresh_ms: 2000, refresh_after_ms: 1000, stale_ms: 3_600_000, size_max: 30 }

/** A cache over a source whose clock and answers are ours to set. */
class Source {
  now = 0
  is_down = false
  hangs = false
  loads = 0
  value = 'first'
  readonly background: Promise<unknown>[] = []
  private readonly cache = new StaleCache<string>(FRESHNESS, ({ length }) => length)

  get(key = 'acme'): Promise<string> {
    const load = async () => {
      this.loads++
      const { value } = this
      await (this.hangs ? new Promise(() => {}) : Promise.resolve())
      if (this.is_down) throw new Error('the source is down')
      return `${key}: ${value}`
    }
    return this.cache.get(
      key,
      load,
      () => this.now,
      (work) => this.background.push(work),
    )
  }

  forget(key: string): void {
    this.cache.forget((known) => known === key)
  }

  discard(key: string): void {
    this.cache.discard(key)
  }
}

describe('a value in the cache', () => {
  it('is loaded once and used while it is fresh', async () => {
    const source = new Source()
    for (source.now = 0; source.now < 1000; source.now += 100) expect(await source.get()).toBe('acme: first')
    expect(source.loads).toBe(1)
  })

  it('is loaded once for all who ask at the same time', async () => {
    const source = new Source()
    expect(await Promise.all([source.get(), source.get(), source.get()])).toEqual(Array(3).fill('acme: first'))
    expect(source.loads).toBe(1)
  })

  it('hands nobody the promise of another, in whose context they would go on', async () => {
    const source = new Source()
    const [first, second] = [source.get(), source.get()]
    let has_second = false
    void second.then(() => {
      has_second = true
    })
    await first
    for (let turn = 0; turn < 100; turn++) await Promise.resolve()
    // A timer of its own brings it on, and no microtask of the first.
    expect(has_second).toBe(false)
    expect(await second).toBe('acme: first')
    expect(source.loads).toBe(1)
  })

  it('is reloaded in the background before it is too old, and nobody waits', async () => {
    const source = new Source()
    await source.get()
    source.value = 'second'
    source.now = 1500
    expect(await source.get()).toBe('acme: first')
    expect(source.background).toHaveLength(2)
    await Promise.all(source.background)
    expect(await source.get()).toBe('acme: second')
    expect(source.loads).toBe(2)
  })

  it('is loaded anew, and waited for, when it is too old', async () => {
    const source = new Source()
    await source.get()
    source.value = 'second'
    source.now = 2000
    expect(await source.get()).toBe('acme: second')
  })

  it('is as old as the beginning of its load, not its end', async () => {
    const source = new Source()
    const loading = source.get()
    source.now = 1999
    await loading
    source.value = 'second'
    source.now = 2000
    expect(await source.get()).toBe('acme: second')
  })
})

describe('while the source is down', () => {
  it('what is known goes on being used, for as long as it may', async () => {
    const source = new Source()
    await source.get()
    source.is_down = true
    source.now = 3_599_999
    expect(await source.get()).toBe('acme: first')
    source.now = 3_600_000
    await expect(source.get()).rejects.toThrow('the source is down')
  })

  it('what is not known fails for all who ask at the same time', async () => {
    const source = new Source()
    source.is_down = true
    const answers = await Promise.allSettled([source.get(), source.get()])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(source.loads).toBe(1)
  })

  it('what is not known fails, and is asked for again the next time', async () => {
    const source = new Source()
    source.is_down = true
    await expect(source.get()).rejects.toThrow('the source is down')
    source.is_down = false
    expect(await source.get()).toBe('acme: first')
  })

  it('a reload in the background fails silently', async () => {
    const source = new Source()
    await source.get()
    source.is_down = true
    source.now = 1500
    expect(await source.get()).toBe('acme: first')
    await expect(Promise.all(source.background)).resolves.toBeDefined()
  })
})

describe('while the source hangs', () => {
  it('what is known is used after a moment', async () => {
    vi.useFakeTimers()
    const source = new Source()
    await source.get()
    source.hangs = true
    source.now = 2000
    const found = source.get()
    await vi.advanceTimersByTimeAsync(1000)
    expect(await found).toBe('acme: first')
    vi.useRealTimers()
  })

  it('those who asked meanwhile load for themselves in the end', async () => {
    vi.useFakeTimers()
    const source = new Source()
    source.hangs = true
    void source.get()
    source.hangs = false
    const found = source.get()
    await vi.advanceTimersByTimeAsync(5000)
    expect(await found).toBe('acme: first')
    expect(source.loads).toBe(2)
    vi.useRealTimers()
  })

  it('a load that does not end is not waited for by those who come much later', async () => {
    const source = new Source()
    source.hangs = true
    void source.get()
    source.hangs = false
    source.now = 5000
    expect(await source.get()).toBe('acme: first')
  })
})

it('keeps every load alive beyond the request that began it, which may hang up', async () => {
  const source = new Source()
  await source.get()
  expect(source.background).toHaveLength(1)
})

describe.each(['forget', 'discard'] as const)('%s', (way) => {
  it('has the value loaded anew, and leaves others alone', async () => {
    const source = new Source()
    await source.get('acme')
    await source.get('globex')
    source.value = 'second'
    source[way]('acme')
    expect(await source.get('acme')).toBe('acme: second')
    expect(await source.get('globex')).toBe('globex: first')
  })

  it('is not undone by a load that was under way', async () => {
    const source = new Source()
    const loading = source.get()
    source[way]('acme')
    source.value = 'second'
    expect(await loading).toBe('acme: first')
    expect(await source.get()).toBe('acme: second')
  })
})

describe('a full cache', () => {
  it('lets go of what was used least recently', async () => {
    const source = new Source()
    for (const key of ['a', 'b', 'c', 'a', 'd']) await source.get(key)
    expect(source.loads).toBe(4)
    for (const key of ['a', 'c', 'd']) await source.get(key)
    expect(source.loads).toBe(4)
    await source.get('b')
    expect(source.loads).toBe(5)
  })

  it('lets go of several for one that is large', async () => {
    const source = new Source()
    for (const key of ['a', 'b', 'c']) await source.get(key)
    source.value = 'as large as two'
    await source.get('d')
    expect(source.loads).toBe(4)
    await source.get('c')
    expect(source.loads).toBe(4)
    await source.get('b')
    expect(source.loads).toBe(5)
  })
})
