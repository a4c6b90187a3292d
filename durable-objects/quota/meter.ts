/** The core of a Quota: what may go and what is counted. Without I/O, clock or randomness. */
import { endOf, monthOf } from '../../src/lib/month.ts'
import type { Quotas, Remaining, TakeCall, Taken } from './rpc.ts'

/** What differs between what was counted in a month and what was accepted in the end. */
export interface Correction {
  month: string
  /** Negative for what was granted and then not accepted; positive for what was accepted without having been granted. */
  count: number
}

/** A month's count, and the bucket that messages take tokens from. */
export interface Meter {
  readonly month: string
  readonly accepted: number
  readonly unmetered: number
  /** When counting began in this month. */
  readonly since: number
  /** Null while no message was ever limited by the second: the bucket is full. */
  readonly tokens: number | null
  /** When the tokens were counted; it only grows. */
  readonly counted_at: number
}

/**
 * Counts as many messages as the quotas leave, in their order. What is refused changes nothing.
 * @param meter null before the first
 */
export function take(
  meter: Meter | null,
  { count, quotas }: Pick<TakeCall, 'count' | 'quotas'>,
  now: number,
): { meter: Meter | null; taken: Taken } {
  const current = atTime(meter, quotas, now)
  const room = remainingOf(current, quotas)
  const granted = Math.min(count, room.second ?? count, room.month ?? count)
  const refused_by = granted === count ? null : granted === room.month ? 'month' : 'second'
  const tokens = current.tokens === null ? null : current.tokens - granted
  const counted = { ...current, accepted: current.accepted + granted, tokens }
  return {
    meter: granted === 0 ? meter : counted,
    taken: { granted, refused_by, month: current.month, remaining: remainingOf(counted, quotas) },
  }
}

/**
 * Takes back what was granted and not accepted, or adds what was accepted without being asked for. The bucket stays as it
 * is: it limits what is tried, and its second is over.
 * @param meter of the correction's month, or of one before; null for none
 */
export function correct(meter: Meter | null, { month, count }: Correction, now: number): Meter {
  const current = meter === null || meter.month < month ? inMonth(meter, month, now) : meter
  return {
    ...current,
    accepted: Math.max(0, current.accepted + count),
    unmetered: current.unmetered + Math.max(0, count),
  }
}

/** What is left at this time. */
export function remainingAt(meter: Meter | null, quotas: Quotas, now: number): Remaining {
  return remainingOf(atTime(meter, quotas, now), quotas)
}

function remainingOf({ accepted, tokens }: Meter, { per_second, burst, per_month }: Quotas): Remaining {
  return {
    second: per_second === null ? null : Math.max(0, Math.floor(tokens ?? burst)),
    month: per_month === null ? null : Math.max(0, per_month - accepted),
  }
}

/** The meter as it stands now. A clock that went back earns nothing, and brings back no month. */
function atTime(meter: Meter | null, { per_second, burst }: Quotas, now: number): Meter {
  const counted_at = Math.max(now, meter?.counted_at ?? now)
  const current = inMonth(meter, monthOf(counted_at), now)
  if (per_second === null) return { ...current, counted_at, tokens: null }
  const earned = ((counted_at - current.counted_at) * per_second) / 1000
  return { ...current, counted_at, tokens: Math.min(burst, (current.tokens ?? burst) + earned) }
}

/** The same bucket, in this month or a later one that it has come to. */
function inMonth(meter: Meter | null, month: string, now: number): Meter {
  if (meter === null) {
    // A month that is over can still be reported of.
    const since = Math.min(now, endOf(month) - 1)
    return { month, accepted: 0, unmetered: 0, since, tokens: null, counted_at: now }
  }
  if (meter.month >= month) return meter
  // Who counted until the month's end counts from the next one's beginning.
  const ended_at = endOf(meter.month)
  const since = monthOf(ended_at) === month ? ended_at : now
  return { ...meter, month, accepted: 0, unmetered: 0, since }
}
