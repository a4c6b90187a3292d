import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { mendingsOf } from '../../../scripts/backup/newlines.ts'

const TEXTS = ['plain', 'two\nlines', '"\\n" alone', 'a line break\nand "\\n"', 'a return\rand "\\r"', 'it’s 😀\n\\n']

function table(texts: string[]): DatabaseSync {
  const db = new DatabaseSync(':memory:')
  db.exec(
    'CREATE TABLE endpoints (tenant_id text, id integer, transform text, PRIMARY KEY (tenant_id, id)) WITHOUT ROWID',
  )
  for (const [i, text] of texts.entries()) db.prepare('INSERT INTO endpoints VALUES (?, ?, ?)').run("o'hara", i, text)
  return db
}

/** What D1's export makes of a text: breaks are written as `\n`, and every `\n` is read as a break. */
function throughExport(text: string): string {
  const withLines = text.includes('\n') ? text.replaceAll('\n', '\\n').replaceAll('\\n', '\n') : text
  return text.includes('\r') ? withLines.replaceAll('\r', '\\r').replaceAll('\\r', '\r') : withLines
}

it('sets right what holds a line break beside the characters that one is written with, and asks for nothing else', async () => {
  const live = table(TEXTS)
  const exported = table(TEXTS.map(throughExport))
  const read = (db: DatabaseSync) => db.prepare('SELECT transform FROM endpoints ORDER BY id').all()
  expect(read(exported)).not.toEqual(read(live))
  const mendings = await mendingsOf(exported, { query: async (sql) => live.prepare(sql).all() })
  for (const mending of mendings) exported.exec(mending)
  expect(read(exported)).toEqual(read(live))
  expect(mendings.filter((mending) => mending.includes('SET "transform" = \'\''))).toHaveLength(3)
})
