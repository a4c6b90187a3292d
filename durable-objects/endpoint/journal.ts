/** Positions that the read model has yet to see and that memory need not remember. */
export class Journal {
  private readonly sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.sql = sql
  }

  add(position: number): void {
    this.sql.exec('INSERT OR IGNORE INTO unprojected (position) VALUES (?)', position)
  }

  /** Some of them; they stay until they are removed. */
  some(limit: number): number[] {
    return this.sql
      .exec<{ position: number }>('SELECT position FROM unprojected LIMIT ?', limit)
      .toArray()
      .map(({ position }) => position)
  }

  remove(positions: readonly number[]): void {
    // One bound parameter however many positions: a statement accepts at most 100.
    const list = JSON.stringify(positions)
    this.sql.exec('DELETE FROM unprojected WHERE position IN (SELECT value FROM json_each(?))', list)
  }
}
