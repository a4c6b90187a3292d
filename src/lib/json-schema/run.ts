/** One check of a value: what it has found, and what it may still cost. */

export interface SchemaError {
  /** JSON Pointer (RFC 6901). */
  path: string
  message: string
}

/** Where a value is. A list from the inside out, because its pointer is only needed when something is wrong there. */
export interface Place {
  readonly parent: Place | null
  readonly key: string | number
}

/** Evaluations within each other. workerd gives a request about 1 MB of stack, of which this takes a fraction. */
const NESTING_MAX = 400
/** What an author can take in at once; more is only a larger answer. */
const ERRORS_MAX = 20
const TEXT_LENGTH_MAX = 256
/** Simple operations (a step of a regular expression, a character that is compared) that take as long as a step. */
const OPERATIONS_A_STEP = 16

/** The check is given up: it would cost more than a message is worth. */
export class TooCostly extends Error {}

/** Steps, shared by all that one request asks for. A clock cannot bound a check: workerd's stands still between I/O. */
export class Steps {
  private left: number

  constructor(steps_max: number) {
    this.left = steps_max
  }

  /** @throws TooCostly */
  take(steps: number): void {
    this.left -= steps
    if (this.left < 0) throw new TooCostly('it takes too many steps')
  }
}

export class Run {
  readonly errors: SchemaError[] = []
  private readonly budgets: readonly Steps[]
  private nesting = 0
  private quiet = 0

  /** @param budgets each is charged, and the first that is used up ends the check */
  constructor(budgets: readonly Steps[]) {
    this.budgets = budgets
  }

  /** Whether there is a point in looking for more errors once there is one. */
  get wantsMore(): boolean {
    return this.quiet === 0 && this.errors.length < ERRORS_MAX
  }

  enter(): void {
    if (++this.nesting > NESTING_MAX) throw new TooCostly('it is nested too deeply')
    this.charge(1)
  }

  leave(): void {
    this.nesting--
  }

  /** @throws TooCostly */
  charge(steps: number): void {
    for (const budget of this.budgets) budget.take(steps)
  }

  /** @throws TooCostly */
  chargeOperations(operations: number): void {
    this.charge(operations / OPERATIONS_A_STEP)
  }

  /** Notes what is wrong, and is false, so that a check can end with it. */
  fail(place: Place | null, message: string): false {
    if (this.wantsMore) this.errors.push({ path: cut(pointerOf(place)), message: cut(message) })
    return false
  }

  /** Answers a question whose failure is not an error yet. */
  ask(question: () => boolean): boolean {
    this.quiet++
    const answer = question()
    this.quiet--
    return answer
  }
}

/** Without what is beyond the limit; names of members may be as long as a payload. */
function cut(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}…`
}

function pointerOf(place: Place | null): string {
  const keys: string[] = []
  for (let at = place; at !== null; at = at.parent) keys.push(escapeKey(String(at.key)))
  return keys.reverse().join('')
}

/** One more step of a JSON Pointer. */
export function escapeKey(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
