import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Room } from '../../src/lib/room.ts'

const LIMITS = { bytes_max: 100, bytes_of_owner_max: 60, patience_ms: 1000, stay_ms_max: 10_000 }

let room: Room
let now: number

beforeEach(() => {
  room = new Room(LIMITS)
  now = 0
  // workerd has it; Node does not. Time passes for who waits.
  vi.stubGlobal('scheduler', {
    wait: async (ms: number) => {
      now += ms
    },
  })
})

const visitor = (owner: string) => room.visitor(owner, () => now)

describe('room for large things', () => {
  it('is for as many as take no more than there is, and waited for beyond that', async () => {
    const [one, other, late] = [visitor('a'), visitor('b'), visitor('c')]
    expect(await one.enter(60)).toBe(true)
    expect(await other.enter(40)).toBe(true)
    const waiting = late.enter(30)
    one.leave()
    expect(await waiting).toBe(true)
  })

  it('is no longer waited for than anybody has patience', async () => {
    await visitor('a').enter(60)
    await visitor('b').enter(40)
    expect(await visitor('c').enter(1)).toBe(false)
    expect(now).toBe(LIMITS.patience_ms)
  })

  it('is not all for one owner', async () => {
    await visitor('a').enter(60)
    expect(await visitor('a').enter(1)).toBe(false)
    expect(await visitor('b').enter(40)).toBe(true)
  })

  it('is free again when somebody was cut off, who never says so', async () => {
    await visitor('a').enter(60)
    now = LIMITS.stay_ms_max
    expect(await visitor('a').enter(60)).toBe(true)
  })

  it('is nothing for who has left', async () => {
    const gone = visitor('a')
    gone.leave()
    expect(await gone.enter(1)).toBe(false)
    expect(await visitor('a').enter(60)).toBe(true)
  })
})
