/** Where a scheduled delivery stands: by due time, then by position. */
export interface Place {
  readonly due_at: number
  readonly position: number
}

/**
 * The scheduled deliveries, oldest first, and how far they have been started. One that is in flight keeps
 * its due time, so that a restart finds it; without a mark, each look for the next one would go past all
 * of those. The mark is only in memory: a restart looks from the beginning.
 */
export class Backlog {
  private readonly read: (after: Place, limit: number) => readonly Place[]
  /** Whatever is scheduled up to here is in flight. */
  private mark: Place = { due_at: Number.NEGATIVE_INFINITY, position: 0 }

  /** @param read places behind this one, in their order */
  constructor(read: (after: Place, limit: number) => readonly Place[]) {
    this.read = read
  }

  /** To be told of every due time that is written: one that comes before the mark takes the mark back. */
  schedule({ due_at, position }: Place): void {
    const { mark } = this
    const is_before = due_at < mark.due_at || (due_at === mark.due_at && position <= mark.position)
    if (is_before) this.mark = { due_at, position: position - 1 }
  }

  /**
   * Takes out up to `limit` due deliveries that are not in flight; from here on they must be. Answers
   * too when the first that was left is due.
   */
  take(
    now: number,
    limit: number,
    in_flight: ReadonlyMap<number, unknown>,
  ): { positions: number[]; next_due_at: number | null } {
    const positions: number[] = []
    for (;;) {
      const places = this.read(this.mark, limit - positions.length + 1)
      for (const place of places) {
        if (!in_flight.has(place.position)) {
          if (positions.length === limit || place.due_at > now) return { positions, next_due_at: place.due_at }
          positions.push(place.position)
        }
        this.mark = place
      }
      if (places.length === 0) return { positions, next_due_at: null }
    }
  }

  /** When the first that is not in flight is due. */
  nextDueAt(in_flight: ReadonlyMap<number, unknown>): number | null {
    return this.take(Number.NEGATIVE_INFINITY, 0, in_flight).next_due_at
  }
}
