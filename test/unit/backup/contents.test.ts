import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { describeContents, differences } from '../../../scripts/backup/contents.ts'

/** A database with one tenant's log, and what else is asked for. */
function described(...statements: string[]) {
  const db = new DatabaseSync(':memory:')
  db.exec(`CREATE TABLE d1_migrations (id integer PRIMARY KEY, name text);
    INSERT INTO d1_migrations VALUES (1, '0000_first.sql'), (2, '0001_second.sql');
    CREATE TABLE audit_log (tenant_id text, seq integer, hash text, PRIMARY KEY (tenant_id, seq)) WITHOUT ROWID;
    INSERT INTO audit_log VALUES ('acme', 1, '${'a'.repeat(64)}'), ('acme', 2, '${'b'.repeat(64)}');
    CREATE TABLE keys (id text PRIMARY KEY, name text) WITHOUT ROWID;`)
  for (const n of Array(40).keys()) db.exec(`INSERT INTO keys VALUES ('key_${String(n).padStart(2, '0')}', 'k')`)
  for (const statement of statements) db.exec(statement)
  return describeContents(db)
}

it('says which migration, how many rows, and where each chain of the audit log ends', () => {
  const { schema_version, tables, chains } = described()
  expect(schema_version).toBe('0001_second.sql')
  expect(tables.keys?.rows).toBe(40)
  expect(tables.keys?.sample.length).toBeGreaterThanOrEqual(4)
  expect(chains).toEqual({ acme: { seq: 2, hash: 'b'.repeat(64) } })
})

it('finds no difference in the same rows, in whatever order and columns they were written', () => {
  expect(
    differences(
      described(),
      described(`DELETE FROM keys WHERE id = 'key_03'`, `INSERT INTO keys VALUES ('key_03', 'k')`),
    ),
  ).toEqual([])
})

it.each([
  ['a row that is gone', `DELETE FROM keys WHERE id = 'key_07'`, 'keys has 39 rows, not 40'],
  ['a row that is another', `UPDATE keys SET name = 'x' WHERE id = 'key_07'`, 'keys has other rows'],
  [
    'a sampled row that is another',
    `UPDATE keys SET name = 'x' WHERE id = 'key_00'`,
    'keys has other rows, for one key_00',
  ],
  ['a text that is bytes now', `UPDATE keys SET name = CAST(name AS BLOB) WHERE id = 'key_07'`, 'keys has other rows'],
  ['a table that is gone', 'DROP TABLE keys', 'keys is only in the backup'],
  ['an older schema', 'DELETE FROM d1_migrations WHERE id = 2', 'schema is at 0000_first.sql, not 0001_second.sql'],
  [
    'a log that was cut off',
    'DELETE FROM audit_log WHERE seq = 2',
    'the audit log of acme ends at 1, not as it did at 2',
  ],
])('names %s', (_, change, sentence) => {
  expect(differences(described(), described(change))).toContain(sentence)
})
