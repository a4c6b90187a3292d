/** What each decision must say about clocks, and about what a restart has to know. */
import { BACKUP_MS } from '../../durable-objects/endpoint/machine.ts'
import { type Decided, writes } from './expectations.ts'
import { SECOND } from './given.ts'
import { Violation } from './world.ts'

export function checkClocks(decided: Decided): void {
  checkAlarm(decided)
  checkTimers(decided)
  checkSaved(decided)
}

function checkAlarm({ event, before, after, effects, now }: Decided): void {
  const { alarm_at } = after
  const ringsBy = (at: number) => alarm_at !== null && alarm_at <= at
  // Only memory knows that the read model has not heard of it.
  if (effects.some(writes) && !ringsBy(now + BACKUP_MS))
    throw new Violation('something was written and no alarm would see to it')
  if (event.kind === 'wake_refused' && !ringsBy(event.due_at)) {
    throw new Violation('a retry has no queue message, and no alarm at its time')
  }
  if (event.kind === 'alarm') {
    if (event.unflushed && !ringsBy(now + BACKUP_MS)) throw new Violation('what is loose has no alarm')
    const { upkeep_at } = event
    if (upkeep_at !== null && !ringsBy(Math.max(upkeep_at, now + BACKUP_MS))) {
      throw new Violation('what wants tidying has no alarm')
    }
    return
  }
  for (const effect of effects) {
    const is_anew = effect.kind === 'set_alarm' && before.alarm_at !== null && effect.at >= before.alarm_at
    if (is_anew) throw new Violation('an alarm was set although an earlier one was')
  }
}

function checkTimers({ after, effects, now }: Decided): void {
  const { rate_limit_per_s } = after.rules
  for (const effect of effects) {
    if (effect.kind !== 'set_timer') continue
    if (rate_limit_per_s === null) throw new Violation('a timer was set for no rate limit')
    // A probe goes on credit.
    if (effect.at > now + Math.ceil((2 * SECOND) / rate_limit_per_s)) {
      throw new Violation('the rate limit holds work back for longer than it must')
    }
  }
}

function checkSaved({ event, before, after, effects }: Decided): void {
  const has = (wanted: string) => effects.some(({ kind }) => kind === wanted)
  // A probe that is out need not be known: a restart probes again.
  const has_moved = before.breaker.state !== after.breaker.state && after.breaker.state !== 'half_open'
  if (has_moved && !has('save_condition')) throw new Violation('the breaker moved and a restart would not know')
  if (before.cancel_below !== after.cancel_below && !has('save_condition')) {
    throw new Violation('cancelling began or ended and a restart would not know')
  }
  if (event.kind === 'configured') {
    const { cancel_below } = event
    if (cancel_below !== null && after.cancel_below !== cancel_below)
      throw new Violation('what was parked stays uncancelled')
  } else if (before.rules.disabled !== after.rules.disabled && !(before.rules.disabled === null && has('disable'))) {
    throw new Violation('the endpoint was disabled, and nobody is told')
  }
}
