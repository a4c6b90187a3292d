import { expect, it } from 'vitest'
import { statementsOf } from '../../../scripts/backup/statements.ts'

async function* inPieces(text: string, length: number) {
  for (let from = 0; from < text.length; from += length) yield text.slice(from, from + length)
}

const EXPORT = [
  `INSERT INTO "t" VALUES('one; two');`,
  `INSERT INTO "t" VALUES('it''s; over');`,
  `CREATE TABLE t (\n  a text DEFAULT '{}'\n);`,
  `UPDATE "t" SET a = ';''' ;`,
]

it.each([1, 2, 7, 1000])(
  'finds each statement in pieces of %i characters, whatever semicolons its texts hold',
  async (length) => {
    expect(await Array.fromAsync(statementsOf(inPieces(EXPORT.join('\n'), length)))).toEqual(EXPORT)
  },
)

it('hands out what follows the last semicolon, so that a file which was cut off fails where it is loaded', async () => {
  expect(await Array.fromAsync(statementsOf(inPieces(`SELECT 1;\nINSERT INTO "t" VALUES('cut`, 5)))).toEqual([
    'SELECT 1;',
    `INSERT INTO "t" VALUES('cut`,
  ])
})
