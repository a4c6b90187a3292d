import { describe, expect, it } from 'vitest'
import { SampledLimit } from '../../src/http/rate-limit.ts'
import { Random } from '../simulation/random.ts'

const NOW = Date.UTC(2026, 0, 1)
const PERIOD_MS = 10_000

/** The binding, with an eighth of 10,000 as its limit. */
function limiter(limit = 1250) {
  const counts = new Map<string, number>()
  const ask = async (key: string) => {
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    return count <= limit
  }
  return { ask, asked: (key: string) => counts.get(key) ?? 0 }
}

/** Always counted. */
const counting = () => new SampledLimit(() => 0)

describe('the limit of requests', () => {
  it.each([
    { drawn: 0, is_counted: true },
    { drawn: 0.1249, is_counted: true },
    { drawn: 0.125, is_counted: false },
    { drawn: 0.9999, is_counted: false },
  ])('counts one request in eight: $drawn', async ({ drawn, is_counted }) => {
    const { ask, asked } = limiter()
    expect(await new SampledLimit(() => drawn).allows('key_1', ask, NOW)).toBe(true)
    expect(asked('key_1')).toBe(is_counted ? 1 : 0)
  })

  it.each(Array.from({ length: 10 }, (_, seed) => ({ seed })))(
    'stops a key within a tenth of what it may send (seed $seed)',
    async ({ seed }) => {
      const limit = new SampledLimit(new Random(seed).next)
      const { ask } = limiter()
      let sent = 0
      while (await limit.allows('key_1', ask, NOW)) sent++
      expect(sent).toBeGreaterThan(9000)
      expect(sent).toBeLessThan(11_000)
    },
  )

  it('refuses a key as long as it was told to wait, without asking, and then asks again', async () => {
    const limit = counting()
    const { ask, asked } = limiter(0)
    expect(await limit.allows('key_1', ask, NOW)).toBe(false)
    expect(await limit.allows('key_1', async () => true, NOW + PERIOD_MS - 1)).toBe(false)
    expect(asked('key_1')).toBe(1)
    expect(await limit.allows('key_1', async () => true, NOW + PERIOD_MS)).toBe(true)
  })

  it('refuses no other key', async () => {
    const limit = counting()
    expect(await limit.allows('key_1', limiter(0).ask, NOW)).toBe(false)
    expect(await limit.allows('key_2', limiter().ask, NOW)).toBe(true)
  })

  it('holds nothing against a key when the limiter fails', async () => {
    const limit = counting()
    const down = async () => {
      throw new Error('down')
    }
    await expect(limit.allows('key_1', down, NOW)).rejects.toThrow('down')
    expect(await limit.allows('key_1', limiter().ask, NOW)).toBe(true)
  })
})
