/** The deliveries that an Endpoint stores, as its SQLite would find them. */
import type { Stored } from '../../../durable-objects/endpoint/machine.ts'

export interface Row extends Stored {
  readonly seq: number
  readonly state: 'pending' | 'waiting' | 'succeeded' | 'dead' | 'cancelled'
  readonly due_at: number | null
}

export const isFinished = ({ state }: Row) => state !== 'pending' && state !== 'waiting'

export class ModelRows {
  private readonly rows = new Map<number, Row>()

  at(position: number): Row {
    const row = this.rows.get(position)
    if (row === undefined) throw new Error(`there is no delivery ${position}`)
    return row
  }

  insert(row: Row): void {
    if (this.rows.has(row.position)) throw new Error(`there already is a delivery ${row.position}`)
    this.rows.set(row.position, row)
  }

  write(position: number, change: Partial<Row>): void {
    this.rows.set(position, { ...this.at(position), ...change })
  }

  unfinished(): Row[] {
    return [...this.rows.values()].filter((row) => !isFinished(row))
  }

  finished(): Row[] {
    return [...this.rows.values()].filter(isFinished)
  }

  /** The first unfinished delivery of an ordering key. */
  head(order_key: string): Row | undefined {
    return this.unfinished()
      .filter((row) => row.order_key === order_key)
      .sort((a, b) => a.seq - b.seq)[0]
  }

  unfinishedBelow(position: number, skip: ReadonlyMap<number, unknown>, limit: number): Row[] {
    return this.unfinished()
      .filter((row) => row.position < position && !skip.has(row.position))
      .slice(0, limit)
  }

  due(now: number, limit: number, skip: ReadonlyMap<number, unknown>): Row[] {
    return this.scheduled(skip)
      .filter(({ due_at }) => due_at <= now)
      .slice(0, limit)
  }

  nextDueAt(skip: ReadonlyMap<number, unknown>): number | null {
    return this.scheduled(skip)[0]?.due_at ?? null
  }

  /** What was attempted on arrival and had not ended when the process did is due again. */
  rescheduleInterrupted(now: number): void {
    for (const { position, due_at, order_key } of this.unfinished()) {
      if (due_at === null && order_key === null) this.write(position, { due_at: now })
    }
  }

  private scheduled(skip: ReadonlyMap<number, unknown>): (Row & { due_at: number })[] {
    return [...this.rows.values()]
      .filter((row): row is Row & { due_at: number } => row.due_at !== null && !skip.has(row.position))
      .sort((a, b) => a.due_at - b.due_at || a.position - b.position)
  }
}
