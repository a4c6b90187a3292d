import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { STATEMENT_BYTES_MAX, splitInsert, toLiteral } from '../../../scripts/backup/long-rows.ts'

const SCHEMA = `CREATE TABLE letters (tenant_id text NOT NULL, at integer NOT NULL, body blob, note text NOT NULL,
  PRIMARY KEY (tenant_id, at)) WITHOUT ROWID`

type Row = [tenant_id: string, at: number, body: Uint8Array | null, note: string]

/** What is stored when a row goes through the parts, and the longest of them. */
function throughParts(row: Row) {
  const db = new DatabaseSync(':memory:')
  db.exec(SCHEMA)
  const insert = `INSERT INTO "letters" ("tenant_id","at","body","note") VALUES(${row.map(toLiteral).join(',')});`
  const statements = splitInsert(db, insert)
  for (const statement of statements) db.exec(statement)
  const stored = db.prepare('SELECT *, typeof(body) AS kind FROM letters').all()
  return { stored, longest: Math.max(...statements.map((statement) => Buffer.byteLength(statement))) }
}

describe('a row whose INSERT is longer than D1 takes', () => {
  it('is put together from parts that D1 takes, byte for byte', () => {
    const body = Uint8Array.from({ length: 98_304 }, (_, i) => i % 256)
    const note = `${'€'.repeat(40_000)}${"'".repeat(40_000)}${'😀'.repeat(20_001)}\n\\n`
    const { stored, longest } = throughParts(["o'hara", 7, body, note])
    expect(stored).toEqual([{ tenant_id: "o'hara", at: 7, body, note, kind: 'blob' }])
    expect(longest).toBeLessThanOrEqual(STATEMENT_BYTES_MAX)
  })

  it('is the same row for any text and any bytes', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !text.includes('\0'))
    fc.assert(
      fc.property(
        texts,
        fc.option(fc.uint8Array({ maxLength: 50 })),
        texts,
        fc.nat(3),
        (tenant_id, body, note, times) => {
          const row: Row = [tenant_id, 1, body, note.repeat(times * 1000)]
          const { stored } = throughParts(row)
          expect(stored).toEqual([{ tenant_id, at: 1, body, note: row[3], kind: body === null ? 'null' : 'blob' }])
        },
      ),
    )
  })
})
