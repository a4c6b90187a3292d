/** Counts what one decision of the core reached. */
import type { Effect, EndpointEvent, EndpointState, Outcome } from '../../durable-objects/endpoint/machine.ts'
import type { Coverage, OutcomeName, Transition } from './coverage.ts'

export function countStep(
  coverage: Coverage,
  event: EndpointEvent,
  before: EndpointState,
  after: EndpointState,
  effects: readonly Effect[],
): void {
  coverage.count('core events', event.kind)
  for (const effect of effects) {
    coverage.count('effects', effect.kind)
    if (effect.kind === 'insert') coverage.count('delivery states', 'pending')
    else if (effect.kind === 'update' || effect.kind === 'requeue') {
      coverage.count('delivery states', effect.change.state)
    } else if (effect.kind === 'attempt') coverage.count('delivery states', 'delivering')
  }
  if (event.kind === 'finished') {
    coverage.count('outcome kinds', outcomeName(before, event.position, event.outcome))
  }
  if (before.breaker.state !== after.breaker.state) {
    coverage.count('breaker transitions', transition(event, before.breaker.state, after.breaker.state))
  }
}

function outcomeName(before: EndpointState, position: number, outcome: Outcome): OutcomeName {
  const flight = before.in_flight.get(position)
  if (flight === undefined) return 'unknown flight'
  if (flight.erased_at !== null) {
    if (outcome.kind === 'success') return 'success of what was erased'
    return outcome.kind === 'failure' ? 'failure of what was erased' : 'interruption of what was erased'
  }
  if (flight.is_probe) {
    if (outcome.kind !== 'failure') return outcome.kind === 'success' ? 'probe success' : 'probe interrupted'
    return outcome.is_gone ? 'probe gone' : outcome.blames_receiver ? 'probe failure' : 'probe failure of ours'
  }
  if (outcome.kind !== 'failure') return outcome.kind
  if (outcome.is_gone) return 'gone'
  if (!outcome.blames_receiver) return 'failure of ours'
  return outcome.retry_after_ms === null ? 'failure' : 'failure with Retry-After'
}

type Mode = EndpointState['breaker']['state']

function transition(event: EndpointEvent, from: Mode, to: Mode): Transition | string {
  const why = (() => {
    if (from === 'half_open' && to === 'open') {
      const outcome = event.kind === 'finished' ? event.outcome : null
      return outcome?.kind === 'failure' && outcome.blames_receiver && !outcome.is_gone ? ' (failed)' : ' (abandoned)'
    }
    if (to === 'closed') return event.kind === 'finished' ? ' (succeeded)' : ' (by hand)'
    return ''
  })()
  return `${from} → ${to}${why}`
}
