/** What each step of a scenario does to the platform. */
import type { Platform } from './platform.ts'
import type { Step } from './scenario.ts'

export function takeStep({ world, endpoint, operator, publisher, receivers }: Platform, step: Step): void {
  switch (step.does) {
    case 'publish':
      publisher.publish(step.keys, step.via)
      break
    case 'republish':
      publisher.republish(step.nth)
      break
    case 'mood':
      receivers.setMood(step.url, step.mood, step.retry_after_ms)
      break
    case 'crash':
      endpoint.process.crash(step.when)
      break
    case 'queue':
      world.afflict(`queue.${step.fault}`, step.for_ms, step.share)
      break
    case 'alarm':
      world.afflict(`alarm.${step.fault}`, step.for_ms, 1, step.by_ms)
      break
    case 'database':
      world.afflict(`database.${step.fault}`, step.for_ms)
      break
    case 'interrupt':
      world.afflict('interrupt', step.for_ms, step.share)
      break
    case 'clock':
      world.fault(step.by_ms > 0 ? 'clock forward' : 'clock back')
      world.moveClock(step.by_ms)
      break
    case 'configure':
      operator.configure(step)
      break
    case 'disable':
      operator.disable(step.pushed)
      break
    case 'enable':
      operator.enable(step.parked, step.pushed)
      break
    case 'retry':
    case 'cancel':
    case 'redrive': {
      const message = publisher.message(step.nth)
      if (message !== undefined) endpoint.control(step.does, message)
      break
    }
    case 'erase': {
      const message = publisher.message(step.nth)
      if (message !== undefined) endpoint.erase(message)
      break
    }
    case 'reset_breaker':
      endpoint.resetBreaker()
      break
    case 'delete':
      operator.delete()
      break
  }
}
