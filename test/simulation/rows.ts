/** The deliveries that an Endpoint stores, found the way its SQLite would find them: by index, never by scanning. */
import type { Place } from '../../durable-objects/endpoint/backlog.ts'
import type { Stored } from '../../durable-objects/endpoint/machine.ts'
import { SortedList } from './sorted-list.ts'

export interface Row extends Stored {
  readonly seq: number
  readonly state: 'pending' | 'waiting' | 'succeeded' | 'dead' | 'cancelled'
  readonly due_at: number | null
  /** Below this everything was settled when the row was written. */
  readonly watermark: number
  /** What it delivers; twice the same may not be stored. */
  readonly message: number
  readonly revision: number
  readonly finished_at: number | null
}

type Scheduled = Row & { readonly due_at: number }

export const isFinished = ({ state }: Row) => state !== 'pending' && state !== 'waiting'

const bySchedule = (a: Place, b: Place) => a.due_at - b.due_at || a.position - b.position
const bySeq = (a: Row, b: Row) => a.seq - b.seq
const byNumber = (a: number, b: number) => a - b

export class ModelRows {
  private readonly rows = new Map<number, Row>()
  private readonly positions = new SortedList<number>(byNumber)
  private readonly by_message = new Map<number, Row>()
  private readonly scheduled = new SortedList<Scheduled, Place>(bySchedule)
  private readonly ordered = new Map<string, SortedList<Row>>()
  private readonly unscheduled = new Set<number>()
  private readonly undo: (step: () => void) => void
  unfinished_count = 0

  /** @param undo is told how to take each change back */
  constructor(undo: (step: () => void) => void = () => {}) {
    this.undo = undo
  }

  // --- finding ---

  get size(): number {
    return this.rows.size
  }

  find(position: number): Row | undefined {
    return this.rows.get(position)
  }

  at(position: number): Row {
    const row = this.rows.get(position)
    if (row === undefined) throw new Error(`there is no delivery ${position}`)
    return row
  }

  of(message: number): Row | undefined {
    return this.by_message.get(message)
  }

  all(): IterableIterator<Row> {
    return this.rows.values()
  }

  unfinished(): Row[] {
    return [...this.rows.values()].filter((row) => !isFinished(row))
  }

  finished(): Row[] {
    return [...this.rows.values()].filter(isFinished)
  }

  /** The first unfinished delivery of an ordering key. */
  head(order_key: string): Row | undefined {
    return this.ordered.get(order_key)?.items[0]
  }

  /** The first unfinished delivery of every ordering key. */
  *heads(): Iterable<Row> {
    for (const { items } of this.ordered.values()) if (items[0] !== undefined) yield items[0]
  }

  unfinishedBelow(position: number, skip: ReadonlyMap<number, unknown>, limit: number): Row[] {
    const found: Row[] = []
    const consider = (row: Row) => {
      if (found.length < limit && row.position < position && !skip.has(row.position)) found.push(row)
    }
    for (const row of this.scheduled.items) consider(row)
    if (found.length > 0) return found
    for (const { items } of this.ordered.values()) for (const row of items) consider(row)
    return found
  }

  /** A stretch of the schedule, in its order. */
  scheduledAfter({ due_at, position }: Place, limit: number): readonly Place[] {
    const from = this.scheduled.indexOf({ due_at, position: position + 1 })
    return this.scheduled.items.slice(from, from + limit)
  }

  /** By looking at everything, as a measure of whoever knows a shorter way. */
  nextDueAt(skip: ReadonlyMap<number, unknown>): number | null {
    for (const row of this.scheduled.items) if (!skip.has(row.position)) return row.due_at
    return null
  }

  /** Unfinished, free of order and without a due time: these must be in flight. */
  withoutDueTime(): ReadonlySet<number> {
    return this.unscheduled
  }

  newest(): Row | undefined {
    const position = this.positions.items.at(-1)
    return position === undefined ? undefined : this.rows.get(position)
  }

  oldestPosition(): number | null {
    return this.positions.items[0] ?? null
  }

  /** Positions from here on, ascending. */
  positionsFrom(position: number): number[] {
    return this.positions.items.slice(this.positions.indexOf(position))
  }

  positionsBelow(position: number): number[] {
    return this.positions.items.slice(0, this.positions.indexOf(position))
  }

  /** The first position of these that is free behind all that are taken. */
  free(from: number, end: number): number {
    const last = this.positions.items[this.positions.indexOf(end) - 1]
    return last === undefined || last < from ? from : last + 1
  }

  // --- writing ---

  insert(row: Row): void {
    if (this.rows.has(row.position)) throw new Error(`there already is a delivery ${row.position}`)
    if (this.by_message.has(row.message)) throw new Error(`message ${row.message} was stored a second time`)
    this.put(undefined, row)
  }

  write(position: number, change: Partial<Row>): void {
    const row = this.at(position)
    this.put(row, { ...row, ...change })
  }

  delete(position: number): void {
    this.put(this.at(position), undefined)
  }

  /** What was attempted on arrival and had not ended when the process did is due again. */
  rescheduleInterrupted(watermark: number, now: number): void {
    for (const position of [...this.unscheduled]) if (position >= watermark) this.write(position, { due_at: now })
  }

  private put(before: Row | undefined, after: Row | undefined): void {
    this.replace(before, after)
    this.undo(() => this.replace(after, before))
  }

  private replace(before: Row | undefined, after: Row | undefined): void {
    if (before !== undefined) this.unindex(before)
    if (after !== undefined) {
      this.rows.set(after.position, after)
      this.by_message.set(after.message, after)
      this.index(after)
      if (before === undefined) this.positions.add(after.position)
    } else if (before !== undefined) {
      this.rows.delete(before.position)
      this.positions.remove(before.position)
      this.by_message.delete(before.message)
    }
  }

  private index(row: Row): void {
    if (isScheduled(row)) this.scheduled.add(row)
    if (isFinished(row)) return
    this.unfinished_count++
    if (row.order_key === null) {
      if (row.due_at === null) this.unscheduled.add(row.position)
      return
    }
    let line = this.ordered.get(row.order_key)
    if (line === undefined) {
      line = new SortedList<Row>(bySeq)
      this.ordered.set(row.order_key, line)
    }
    line.add(row)
  }

  private unindex(row: Row): void {
    if (isScheduled(row)) this.scheduled.remove(row)
    if (isFinished(row)) return
    this.unfinished_count--
    if (row.order_key === null) this.unscheduled.delete(row.position)
    else this.ordered.get(row.order_key)?.remove(row)
  }
}

function isScheduled(row: Row): row is Scheduled {
  return row.due_at !== null
}
