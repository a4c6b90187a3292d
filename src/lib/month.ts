/** Calendar months in UTC, as `2026-11`: in that form they sort as they follow each other. */

/** @param now Unix milliseconds */
export function monthOf(now: number): string {
  return new Date(now).toISOString().slice(0, 7)
}

/** Its first millisecond. */
export function startOf(month: string): number {
  return Date.parse(`${month}-01T00:00:00.000Z`)
}

/** The first millisecond that is not in it any more. */
export function endOf(month: string): number {
  return shifted(month, 1)
}

/** The month that lies this many months before. */
export function monthsBefore(month: string, count: number): string {
  return monthOf(shifted(month, -count))
}

function shifted(month: string, count: number): number {
  const start = new Date(startOf(month))
  return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + count, 1)
}
