/** What will happen, earliest first; of one moment, what was entered first. A binary heap. */
interface Entry {
  at: number
  nth: number
  happen: () => void
}

export class Agenda {
  private readonly heap: Entry[] = []
  private entered = 0

  get size(): number {
    return this.heap.length
  }

  /** When the next thing happens; Infinity when nothing will. */
  get next_at(): number {
    return this.heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  enter(at: number, happen: () => void): void {
    const { heap } = this
    const entry = { at, nth: this.entered++, happen }
    let i = heap.length
    heap.push(entry)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, entry)) break
      heap[i] = above
      i = parent
    }
    heap[i] = entry
  }

  take(): (() => void) | undefined {
    const { heap } = this
    const [first] = heap
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first?.happen
    let i = 0
    for (;;) {
      const left = 2 * i + 1
      const right = left + 1
      let child = heap[left]
      if (child === undefined) break
      let at = left
      const other = heap[right]
      if (other !== undefined && isBefore(other, child)) {
        child = other
        at = right
      }
      if (isBefore(last, child)) break
      heap[i] = child
      i = at
    }
    heap[i] = last
    return first.happen
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.nth < b.nth)
}
