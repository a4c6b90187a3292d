import { withPatience } from '../lib/patience.ts'

/** Whoever is still not done has hung up, or has trouble with D1. */
const WAIT_MS_MAX = 1000

/** The last turn of each chain; settled when it is over. */
const last = new Map<string, Promise<void>>()

/**
 * Lets requests of this isolate that change the same chain go one after the other, since of those that begin
 * together all but one would have to begin anew. A courtesy only: who waits too long goes ahead, and the chain
 * itself sees to it that nothing is lost.
 * @returns ends the turn
 */
export async function takeTurn(chain: string): Promise<() => void> {
  const before = last.get(chain)
  const { promise, resolve } = Promise.withResolvers<void>()
  last.set(chain, promise)
  if (before !== undefined) await withPatience(before, WAIT_MS_MAX, undefined)
  return () => {
    resolve()
    if (last.get(chain) === promise) last.delete(chain)
  }
}
