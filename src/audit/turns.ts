const LOOK_MS = 5
/** Whoever is still not done has hung up, or has trouble with D1. */
const WAIT_MS_MAX = 1000

/** Whose turn it is, by chain. */
const busy = new Map<string, object>()

/**
 * Lets those of this isolate that change the same chain go one after the other, since of those that begin together
 * all but one would have to begin anew. A courtesy only: who has waited long enough goes ahead, and the chain itself
 * sees to it that nothing is lost. By looking again and again, because no request may await another's promise
 * (decision 30).
 * @returns ends the turn
 */
export async function takeTurn(chain: string): Promise<() => void> {
  for (let waited_ms = 0; busy.has(chain) && waited_ms < WAIT_MS_MAX; waited_ms += LOOK_MS) {
    await scheduler.wait(LOOK_MS)
  }
  const mine = {}
  busy.set(chain, mine)
  return () => {
    if (busy.get(chain) === mine) busy.delete(chain)
  }
}
