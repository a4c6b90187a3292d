/** The write-behind under load: later and larger, not more often. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { DeliveryRow } from '../../durable-objects/endpoint/delivery-row.ts'
import type { Journal } from '../../durable-objects/endpoint/journal.ts'
import { Projection } from '../../durable-objects/endpoint/projection.ts'
import type { Store } from '../../durable-objects/endpoint/store.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

interface Write {
  at: number
  rows: number
}

const rowsOf = (positions: readonly number[]) => positions.map((position) => ({ position, revision: 1 }) as DeliveryRow)

/** A projection of deliveries that arrive at a steady pace, into a D1 that takes so long for each statement. */
function underLoad(load: { every_ms: number; write_ms: number }) {
  const writes: Write[] = []
  const journal = new Set<number>()
  const started_at = Date.now()
  const write = async (rows: readonly DeliveryRow[]) => {
    writes.push({ at: Date.now() - started_at, rows: rows.length })
    await new Promise((resolve) => setTimeout(resolve, load.write_ms))
  }
  const projection = new Projection(
    { rows: rowsOf, projected: rowsOf, positionsFrom: () => [] } as unknown as Store,
    {
      add: (position: number) => journal.add(position),
      some: (limit: number) => [...journal].slice(0, limit),
      remove: (positions: readonly number[]) => {
        for (const position of positions) journal.delete(position)
      },
    } as unknown as Journal,
    { write, lowestInFlight: () => Number.POSITIVE_INFINITY, report: () => {} },
    0,
    0,
  )
  let arrived = 0
  const arriving = setInterval(() => projection.touch(arrived++), load.every_ms)
  return {
    projection,
    writes,
    journal,
    arrived: () => arrived,
    pass: (ms: number) => vi.advanceTimersByTimeAsync(ms),
    stop: () => clearInterval(arriving),
  }
}

describe('under a steady load', () => {
  it.each([
    { every_ms: 5, write_ms: 15 },
    { every_ms: 5, write_ms: 300 },
    { every_ms: 50, write_ms: 15 },
  ])('of a delivery each $every_ms ms it writes about once a second ($write_ms ms each)', async (load) => {
    const { writes, pass, arrived } = underLoad(load)
    await pass(20_000)
    expect(writes.length).toBeGreaterThanOrEqual(20_000 / (1000 + load.write_ms) - 2)
    expect(writes.length).toBeLessThanOrEqual(20)
    const pauses = writes.slice(1).map(({ at }, i) => at - (writes[i]?.at ?? 0))
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1000)
    const written = writes.reduce((sum, { rows }) => sum + rows, 0)
    expect(written, 'the read model lags by at most 2 s').toBeGreaterThanOrEqual(arrived() - 2000 / load.every_ms)
  })

  it('lets its watermark follow, so that a restart looks at a few seconds', async () => {
    const { projection, pass, arrived } = underLoad({ every_ms: 5, write_ms: 15 })
    for (let s = 3; s <= 20; s++) {
      await pass(1000)
      if (s > 4) expect(arrived() - projection.watermark).toBeLessThanOrEqual(2 * (1000 / 5))
    }
  })

  it('journals nothing, which would cost a row for each delivery', async () => {
    const { journal, pass } = underLoad({ every_ms: 5, write_ms: 15 })
    await pass(10_000)
    expect(journal.size).toBe(0)
  })

  it('that is more than one statement holds writes a few statements a second, and then rests', async () => {
    const { writes, pass } = underLoad({ every_ms: 1, write_ms: 5 })
    await pass(10_000)
    expect(Math.max(...writes.map(({ rows }) => rows))).toBeLessThanOrEqual(500)
    expect(writes.length).toBeLessThanOrEqual(3 * 10)
    const pauses = writes.slice(1).map(({ at }, i) => at - (writes[i]?.at ?? 0))
    expect(pauses.filter((ms) => ms >= 1000).length).toBeGreaterThanOrEqual(8)
  })

  it('settles everything once it ends', async () => {
    const { projection, writes, pass, stop, arrived } = underLoad({ every_ms: 5, write_ms: 15 })
    await pass(5000)
    stop()
    await pass(2500)
    expect(projection.isBehind()).toBe(false)
    expect(projection.watermark).toBe(arrived())
    const count = writes.length
    await pass(60_000)
    expect(writes).toHaveLength(count)
  })
})

it('writes less and less often while D1 is slow, and at its usual pace once it is not', async () => {
  const load = { every_ms: 100, write_ms: 1500 }
  const { writes, pass } = underLoad(load)
  await pass(60_000)
  expect(writes.length).toBeLessThanOrEqual(7)
  load.write_ms = 15
  // It hears that D1 is well again only from its next write.
  await pass(60_000)
  const count = writes.length
  await pass(10_000)
  expect(writes.length - count).toBeGreaterThanOrEqual(9)
})
