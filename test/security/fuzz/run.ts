import type { Failure, Fuzzer } from './episode.ts'

export interface RunOptions {
  seed: number
  episodes: number
  /** Episodes side by side, each in a world of its own. */
  at_once: number
  onEpisode?: (failures: readonly Failure[]) => Promise<void>
}

/** Failures remembered; a broken rule tends to break often. */
const FAILURES_MAX = 500

/** Runs episodes 0 to `episodes` of a seed. Ends early once enough has broken. */
export async function runEpisodes(fuzzer: Fuzzer, options: RunOptions): Promise<Failure[]> {
  const failures: Failure[] = []
  let next = 0
  const work = async () => {
    while (next < options.episodes && failures.length < FAILURES_MAX) {
      const episode = next++
      failures.push(...(await fuzzer.run(options.seed, episode)))
      await options.onEpisode?.(failures)
    }
  }
  await Promise.all(Array.from({ length: options.at_once }, work))
  return failures
}
