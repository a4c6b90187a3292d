/** What sources get from elsewhere: certificates and keys, which whoever forges may ask for too. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { createMeans } from '../../src/sources/means.ts'
import { skip } from './harness.ts'

const MINUTE_MS = 60_000

const means = createMeans(createDeps(env, () => {}))

/** What is there, by its URL; anything else is 404. */
let there: Map<string, string | Uint8Array>
let fetched: string[]

beforeEach(() => {
  there = new Map()
  fetched = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    const url = String(input)
    fetched.push(url)
    const found = there.get(url)
    return found === undefined ? new Response(null, { status: 404 }) : new Response(found)
  })
})

afterEach(() => {
  vi.restoreAllMocks()
})

const newUrl = () => `https://keys.test/${crypto.randomUUID()}`

async function load(url: string, age_ms_max?: number): Promise<string | null> {
  const bytes = await means.load(url, age_ms_max)
  return bytes && new TextDecoder().decode(bytes)
}

describe('what a source loads', () => {
  it('is good for an hour, or for less where that is asked', async () => {
    const url = newUrl()
    there.set(url, 'one')
    expect(await load(url)).toBe('one')
    there.set(url, 'two')
    skip(59 * MINUTE_MS)
    expect(await load(url)).toBe('one')
    expect(await load(url, MINUTE_MS)).toBe('two')
    expect(fetched).toHaveLength(2)
  })

  it('is asked for again after 10 s when it was not there', async () => {
    const url = newUrl()
    expect(await load(url)).toBeNull()
    there.set(url, 'late')
    expect(await load(url)).toBeNull()
    skip(10_001)
    expect(await load(url)).toBe('late')
  })

  it('stays good though somebody misses what may be new, and that cannot be had', async () => {
    const url = newUrl()
    there.set(url, 'keys')
    await load(url)
    there.delete(url)
    skip(2 * MINUTE_MS)
    expect(await load(url, MINUTE_MS)).toBeNull()
    expect(await load(url)).toBe('keys')
    expect(await load(url, MINUTE_MS)).toBeNull()
    expect(fetched).toHaveLength(2)
  })

  it('stays known however much somebody makes up', async () => {
    const url = newUrl()
    there.set(url, 'keys')
    await load(url)
    for (let n = 0; n < 2000; n++) await load(newUrl())
    fetched = []
    expect(await load(url)).toBe('keys')
    expect(fetched).toEqual([])
  })

  it('takes 4 MiB of an isolate at most: what was loaded first is loaded again', async () => {
    const urls = Array.from({ length: 17 }, newUrl)
    for (const url of urls) {
      there.set(url, new Uint8Array(256 * 1024))
      await means.load(url)
    }
    fetched = []
    await means.load(urls[16] ?? '')
    expect(fetched).toEqual([])
    await means.load(urls[0] ?? '')
    expect(fetched).toEqual([urls[0]])
  })

  it('is nothing that redirects, is too large, or is not public', async () => {
    const [moved, large] = [newUrl(), newUrl()]
    there.set(large, new Uint8Array(256 * 1024 + 1))
    expect(await load(large)).toBeNull()
    vi.mocked(fetch).mockResolvedValueOnce(new Response(null, { status: 302, headers: { location: newUrl() } }))
    expect(await load(moved)).toBeNull()
    const deps = createDeps(env, () => {})
    const strict = createMeans({ ...deps, settings: { ...deps.settings, allow_private_endpoints: false } })
    for (const url of [
      'http://keys.example.com/',
      'https://127.0.0.1/',
      'https://a.internal/',
      'https://b.example.com:22/',
    ])
      expect(await strict.load(url), url).toBeNull()
    expect(await strict.visit('https://10.0.0.1/')).toBe(false)
  })
})
