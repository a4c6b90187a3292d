/** Named values of the Endpoint itself, as JSON: its settings, its condition, what it has yet to report. */
export class Meta {
  private readonly sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.sql = sql
  }

  read<T>(name: string): T | null {
    const [row] = this.sql.exec<{ value: string }>('SELECT value FROM meta WHERE name = ?', name)
    return row === undefined ? null : (JSON.parse(row.value) as T)
  }

  write(name: string, value: unknown): void {
    this.sql.exec('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', name, JSON.stringify(value))
  }

  delete(name: string): void {
    this.sql.exec('DELETE FROM meta WHERE name = ?', name)
  }
}
