import type { DeliveryRow } from './delivery-row.ts'
import { type EndpointState, isHeld } from './machine.ts'
import type { BreakerView, DeliveryState, DeliveryView } from './rpc.ts'

/** A delivery as others see it: `delivering` and `parked` follow from the Endpoint's present condition. */
export function toDeliveryView(row: DeliveryRow, endpoint_id: string, state: EndpointState): DeliveryView {
  const shown = shownState(row, state)
  return {
    message_id: row.message_id,
    endpoint_id,
    event_type: row.event_type,
    state: shown,
    reason: shown === 'parked' ? parkedReason(state) : row.note,
    attempts: row.attempts,
    last_status: row.last_status,
    last_error: row.last_error,
    ordering_key: row.ordering_key,
    accepted_at: row.accepted_at,
    next_attempt_at: shown === 'parked' ? null : row.due_at,
    finished_at: row.finished_at,
    erased_at: row.erased_at,
    updated_at: row.updated_at,
  }
}

export function shownState(row: DeliveryRow, state: EndpointState): DeliveryState {
  if (row.finished_at !== null) return row.state
  if (state.in_flight.has(row.position)) return 'delivering'
  return isHeld(state) ? 'parked' : row.state
}

function parkedReason({ rules, breaker }: EndpointState): string {
  return rules.disabled === null ? `breaker_${breaker.state}` : `endpoint_disabled: ${rules.disabled}`
}

export function toBreakerView(state: EndpointState, max_in_flight: number): BreakerView {
  const { breaker, in_flight, unfinished } = state
  return {
    state: breaker.state,
    consecutive_failures: breaker.consecutive_failures,
    openings: breaker.openings,
    opened_at: breaker.opened_at,
    open_until: breaker.open_until,
    max_in_flight,
    in_flight: in_flight.size,
    failing_since: breaker.failing_since,
    unfinished,
  }
}
