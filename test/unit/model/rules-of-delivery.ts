/** What must hold of every Endpoint at every moment, whatever happens to it. */
import { BACKUP_MS, type EndpointEvent, type EndpointState } from '../../../durable-objects/endpoint/machine.ts'
import { isFinished, type ModelRows } from './rows.ts'

/** Whenever an attempt starts. */
export function checkAttempt(position: number, state: EndpointState, rows: ModelRows): void {
  const row = rows.at(position)
  const { breaker, in_flight, rules } = state
  const flight = in_flight.get(position)
  const probes = [...in_flight.values()].filter(({ is_probe }) => is_probe).length
  if (isFinished(row)) throw new Error('a finished delivery was attempted')
  if (flight === undefined) throw new Error('an attempt started that is not in flight')
  if (rules.disabled !== null) throw new Error('a disabled endpoint was called')
  if (row.failures > rules.retry_delays_ms.length) throw new Error('more retries were used than there are')
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
  const unfinished = rows.unfinished()
  if (state.unfinished !== unfinished.length) throw new Error('the core is wrong about what is unfinished')
  for (const { order_key, due_at, position } of unfinished) {
    const can_be_found = due_at !== null || in_flight.has(position) || order_key !== null
    if (!can_be_found) throw new Error('a delivery has no due time and is not in flight')
    if (due_at === null && order_key !== null && rows.head(order_key)?.position === position) {
      throw new Error('the head of an ordering key was not released')
    }
  }
  const due_at = rows.nextDueAt(in_flight)
  if (due_at !== null && (state.next_due_at === null || state.next_due_at > due_at)) {
    throw new Error('a scheduled delivery was lost from sight')
  }
  const waits_for = rules.disabled === null ? due_at : null
  if (in_flight.size === 0 && waits_for === null) return
  if (alarm_at === null) throw new Error('work is pending and no alarm is set')
  const open_until = breaker.state === 'open' ? (breaker.open_until ?? 0) : 0
  const may_wait_until = in_flight.size > 0 ? now : Math.max(now, waits_for ?? 0, open_until)
  if (alarm_at > may_wait_until + BACKUP_MS) throw new Error('work is pending and the alarm is too late for it')
}
