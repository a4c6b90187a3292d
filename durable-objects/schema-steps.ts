/**
 * Brings an object's tables to the present version. Objects wake up years later, so every step stays for good, in
 * order; `PRAGMA user_version` is not available, so a table remembers how far this object is. Call before anything
 * else, inside the constructor.
 */
export function takeSteps(sql: SqlStorage, steps: readonly string[]): void {
  sql.exec('CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER PRIMARY KEY)')
  const { done } = sql.exec<{ done: number }>('SELECT COUNT(*) AS done FROM schema_steps').one()
  for (let step = done; step < steps.length; step++) {
    sql.exec(steps[step] ?? '')
    sql.exec('INSERT INTO schema_steps (step) VALUES (?)', step)
  }
}
