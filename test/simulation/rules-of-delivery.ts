/** What must hold of every Endpoint at every moment, whatever happens to it. */
import {
  BACKUP_MS,
  concurrency,
  type EndpointEvent,
  type EndpointState,
} from '../../durable-objects/endpoint/machine.ts'
import { isFinished, type ModelRows } from './rows.ts'

/** Whenever an attempt starts. */
export function checkAttempt(position: number, state: EndpointState, rows: ModelRows): void {
  const row = rows.at(position)
  const { breaker, in_flight, rules, cancel_below } = state
  const flight = in_flight.get(position)
  let probes = 0
  for (const { is_probe } of in_flight.values()) if (is_probe) probes++
  if (isFinished(row)) throw new Error('a finished delivery was attempted')
  if (row.erased_at !== null) throw new Error('what was erased was attempted')
  if (flight === undefined) throw new Error('an attempt started that is not in flight')
  if (rules.disabled !== null) throw new Error('a disabled endpoint was called')
  if (cancel_below !== null) throw new Error('something started while what was parked was being cancelled')
  if (in_flight.size > rules.max_in_flight) throw new Error('more than max_in_flight were in flight')
  if (breaker.state === 'open') throw new Error('an attempt started while the breaker was open')
  if (breaker.state === 'half_open' && !(flight.is_probe && probes === 1)) {
    throw new Error('something other than one probe started while the breaker was half open')
  }
  if (breaker.state === 'closed' && flight.is_probe) throw new Error('a probe started while the breaker was closed')
  if (row.order_key !== null && rows.head(row.order_key) !== row) {
    throw new Error('a delivery overtook another of its ordering key')
  }
}

/** After every event. */
export function checkRest(
  event: EndpointEvent,
  state: EndpointState,
  rows: ModelRows,
  now: number,
  alarm_at: number | null,
): void {
  const { rules, in_flight, breaker } = state
  if (alarm_at !== state.alarm_at) throw new Error('the core is wrong about its alarm')
  if (event.kind === 'alarm' && alarm_at !== null && alarm_at <= now) {
    throw new Error('an alarm rang and was set for the same moment again')
  }
  if (state.unfinished !== rows.unfinished_count) throw new Error('the core is wrong about what is unfinished')
  for (const position of rows.withoutDueTime()) {
    if (!in_flight.has(position)) throw new Error('a delivery has no due time and is not in flight')
  }
  for (const head of rows.heads()) {
    if (head.due_at === null) throw new Error('the head of an ordering key was not released')
  }
  const due_at = rows.nextDueAt(in_flight)
  if (due_at !== null && (state.next_due_at === null || state.next_due_at > due_at)) {
    throw new Error('a scheduled delivery was lost from sight')
  }
  // The refusal of a clock only sets another clock.
  if (event.kind !== 'wake_refused' && due_at !== null && due_at <= now && mayStart(state, now)) {
    throw new Error('work that was due and could start was left lying')
  }
  const waits_for = rules.disabled === null ? due_at : null
  if (in_flight.size === 0 && waits_for === null) return
  if (alarm_at === null) throw new Error('work is pending and no alarm is set')
  const open_until = breaker.state === 'open' ? (breaker.open_until ?? 0) : 0
  const may_wait_until = in_flight.size > 0 ? now : Math.max(now, waits_for ?? 0, open_until)
  if (alarm_at > may_wait_until + BACKUP_MS) throw new Error('work is pending and the alarm is too late for it')
}

/** Whether nothing keeps one more attempt from starting. */
function mayStart(state: EndpointState, now: number): boolean {
  const { rules, breaker, bucket } = state
  if (!mayStartUnlimited(state, now)) return false
  // A bucket is as full as when it was last looked at, or fuller.
  return breaker.state === 'open' || rules.rate_limit_per_s === null || (bucket?.tokens ?? 1) >= 1
}

/** Whether nothing but a rate limit does. */
export function mayStartUnlimited(state: EndpointState, now: number): boolean {
  const { rules, breaker, in_flight, cancel_below } = state
  if (rules.disabled !== null || cancel_below !== null || breaker.state === 'half_open') return false
  if (in_flight.size >= concurrency(state)) return false
  return breaker.state === 'closed' || now >= (breaker.open_until ?? 0)
}
