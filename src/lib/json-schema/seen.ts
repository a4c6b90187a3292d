/** What `unevaluatedProperties` and `unevaluatedItems` need to know: the parts of a value that some keyword has looked at. */
export class Seen {
  readonly names = new Set<string>()
  readonly items = new Set<number>()
  /** All items before this one. */
  items_before = 0

  /** How much a merge costs. */
  get size(): number {
    return this.names.size + this.items.size
  }

  merge(other: Seen): void {
    for (const name of other.names) this.names.add(name)
    for (const item of other.items) this.items.add(item)
    this.items_before = Math.max(this.items_before, other.items_before)
  }
}
