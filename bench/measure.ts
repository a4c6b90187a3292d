/** Arithmetic of measurements: percentiles, rounds, medians. */

/** Milliseconds. */
export interface Latency {
  p50: number
  p99: number
  max: number
}

/** Sorts the samples in place. */
export function summarize(samples: number[]): Latency {
  samples.sort((a, b) => a - b)
  return { p50: percentile(samples, 0.5), p99: percentile(samples, 0.99), max: samples.at(-1) ?? Number.NaN }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  )
}

/** How far the rounds lie apart: (largest − smallest) / median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}

/** One after the other, because two at once would measure each other. */
export async function rounds<Round>(count: number, make: (round: number) => Promise<Round>): Promise<Round[]> {
  const made: Round[] = []
  for (let round = 0; round < count; round++) made.push(await make(round))
  return made
}
