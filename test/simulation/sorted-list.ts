/** A list in order; fast enough for the hundreds that one run holds. */
export class SortedList<T extends Key, Key = T> {
  private readonly compare: (a: Key, b: Key) => number
  readonly items: T[] = []

  constructor(compare: (a: Key, b: Key) => number) {
    this.compare = compare
  }

  /** Where it is, or would be: the index of the first item that is not before it. */
  indexOf(item: Key): number {
    let low = 0
    let high = this.items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.compare(this.items[middle] as T, item) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  add(item: T): void {
    const { items } = this
    const last = items.at(-1)
    // Most of what comes, comes last.
    if (last === undefined || this.compare(last, item) < 0) items.push(item)
    else items.splice(this.indexOf(item), 0, item)
  }

  remove(item: T): void {
    const i = this.indexOf(item)
    const found = this.items[i]
    if (found === undefined || this.compare(found, item) !== 0) throw new Error('the list does not hold it')
    if (i === this.items.length - 1) this.items.pop()
    else this.items.splice(i, 1)
  }
}
