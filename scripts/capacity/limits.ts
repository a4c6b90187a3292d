/** Which limit a load reaches first. The figures, and how each is known, are in docs/scaling.md. */
import { CPU_MS_PER_MESSAGE, type Estimate } from './estimate.ts'
import type { Load } from './load.ts'

const SECONDS_PER_DAY = 24 * 60 * 60

/** How the remedy of what refuses nothing begins. */
const SOFT = 'none at first: '

export interface Limit {
  name: string
  used: number
  limit: number
  unit: string
  /** How many messages a day reach it if all else stays; `Infinity` where more messages do not bring it nearer. */
  reached_at: number
  remedy: string
  /** Nothing is refused beyond it: something is late, or costs more. */
  is_soft: boolean
}

/** All of them, the first to be reached in front. */
export function limitsOf(load: Load, { traffic, storage }: Estimate): Limit[] {
  const per_second_at_peak = (per_day: number) => (per_day / SECONDS_PER_DAY) * load.peak
  const deliveries_at_peak = per_second_at_peak(traffic.deliveries_per_day)
  const object_at_peak = per_second_at_peak(traffic.attempts_per_day) / load.objects
  const limits: Limit[] = [
    linear('bytes of the D1 database', storage.d1 / 1e9, 10, 'GB', 'shorter retention, another deployment'),
    linear(
      'bytes of one object',
      storage.objects / load.objects / 1e9,
      // From here on an Endpoint takes nothing new: the last gigabyte is for what becomes of what it holds.
      9,
      'GB',
      'shorter retention, more lanes',
    ),
    linear('requests to one object at peak', object_at_peak, 200, '/s', 'more lanes'),
    linear('CPU of one object at peak', object_at_peak * CPU_MS_PER_MESSAGE, 1_000, 'ms/s', 'more lanes'),
    writer(load, deliveries_at_peak),
    linear(
      'rows that retention deletes from D1',
      traffic.deliveries_per_day / 1e6,
      53,
      'million a day',
      'another deployment',
    ),
    linear(
      'messages of the queue `retries` at peak',
      per_second_at_peak(traffic.attempts_per_day - traffic.deliveries_per_day),
      5_000,
      '/s',
      `${SOFT}alarms take the rest`,
    ),
    linear(
      'messages of the queue `fanout` at peak',
      per_second_at_peak(traffic.fanout_messages_per_day),
      5_000,
      '/s',
      `${SOFT}direct calls take the rest, slower`,
    ),
    linear(
      'payloads that retention deletes from R2',
      traffic.large_messages_per_day,
      240_000,
      'a day',
      `${SOFT}they stay, and cost, longer`,
    ),
    linear(
      'requests of one key in one location at peak',
      per_second_at_peak(load.messages_per_day),
      1_000,
      '/s',
      'batches, several keys, REQUEST_LIMIT',
    ),
  ]
  return limits.toSorted((a, b) => a.reached_at - b.reached_at)

  function linear(name: string, used: number, limit: number, unit: string, remedy: string): Limit {
    const reached_at = (load.messages_per_day * limit) / used
    return { name, used, limit, unit, reached_at, remedy, is_soft: remedy.startsWith(SOFT) }
  }
}

/** D1 does one thing at a time. An object that has news writes once a second, however much; with fewer objects than statements, never more. */
function writer(load: Load, deliveries_at_peak: number): Limit {
  const limit = 100
  return {
    name: 'statements of the one writer of D1 at peak',
    used: Math.min(load.objects, deliveries_at_peak),
    limit,
    unit: '/s',
    reached_at: load.objects > limit ? (load.messages_per_day * limit) / deliveries_at_peak : Number.POSITIVE_INFINITY,
    remedy: `${SOFT}the read model becomes later, up to a minute; then another deployment`,
    is_soft: true,
  }
}

/** Months of steady growth until a load is at a limit: 0 where it is there already, `Infinity` where it never is. */
export function monthsUntil({ reached_at }: Limit, { messages_per_day, growth_per_month }: Load): number {
  if (reached_at <= messages_per_day) return 0
  if (growth_per_month === 0) return Number.POSITIVE_INFINITY
  return Math.log(reached_at / messages_per_day) / Math.log1p(growth_per_month)
}
