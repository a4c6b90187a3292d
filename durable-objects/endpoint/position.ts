/**
 * A delivery's place inside its Endpoint, and its primary key: the millisecond its message was
 * accepted, times 1,024, plus a number within that millisecond. A time-ordered message id holds
 * that millisecond, so a delivery is found by id without an index that would cost a row written.
 */
const SLOTS_PER_MS = 1024

/** Messages of one millisecond may spill this far; 8,192 of them is beyond what one object can take. */
const SPILL_MS = 8

export function firstPosition(accepted_at: number): number {
  return accepted_at * SLOTS_PER_MS
}

/** Exclusive end of the positions that messages accepted at this millisecond can have. */
export function endPosition(accepted_at: number): number {
  return (accepted_at + SPILL_MS) * SLOTS_PER_MS
}
