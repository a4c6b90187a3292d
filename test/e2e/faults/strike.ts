import type { Fault, FaultPlan, Strikes } from './plan.ts'

/** How often a slow call looks whether its fault was lifted. */
const LOOK_AGAIN_MS = 20

// One isolate runs the Worker and all its Durable Objects locally, so one plan holds for all of them. It is
// gone with the process: after a restart the platform is well, unless the start brings a plan of its own.
let plan: FaultPlan = {}
let strikes: Strikes = {}

export function setPlan(next: FaultPlan): void {
  plan = next
  strikes = {}
}

export function readStrikes(): Strikes {
  return strikes
}

/** Calls the platform, or lets the fault that is planned for this point have its way. */
export async function meet<T>(binding: string, method: string, call: () => Promise<T>): Promise<T> {
  const fault = next(binding, method)
  if (fault === null) return call()
  switch (fault.kind) {
    case 'throws':
      throw toError(fault)
    case 'loses_answer':
      await call()
      throw toError(fault)
    case 'slow':
      await linger(fault.delay_ms)
      return call()
  }
}

/** The same for a call that answers nothing and cannot be waited for. */
export function meetAtOnce(binding: string, method: string, call: () => void): void {
  const fault = next(binding, method)
  if (fault?.kind !== 'throws') call()
  if (fault !== null && fault.kind !== 'slow') throw toError(fault)
}

function next(binding: string, method: string): Fault | null {
  for (const point of [`${binding}.${method}`, binding]) {
    const fault = plan[point]
    const struck = strikes[point] ?? 0
    if (fault === undefined || struck >= (fault.times ?? Number.POSITIVE_INFINITY)) continue
    strikes[point] = struck + 1
    return fault
  }
  return null
}

async function linger(delay_ms: number): Promise<void> {
  const { plan_then, deadline } = { plan_then: plan, deadline: Date.now() + delay_ms }
  while (plan === plan_then && Date.now() < deadline) await scheduler.wait(LOOK_AGAIN_MS)
}

function toError({ message, marks }: Exclude<Fault, { kind: 'slow' }>): Error {
  return Object.assign(new Error(message), marks)
}
