/** What an export holds, in numbers and hashes that another export of the same rows has too. */
import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'

/** Rows of each table that a backup describes one by one, so that a person sees which one differs. */
const SAMPLED_ROWS = 5

const SHA256 = z.string().regex(/^[0-9a-f]{64}$/)

const tableSchema = z.object({
  rows: z.int().min(0),
  /** Over every row in the order of the primary key. */
  sha256: SHA256,
  /** Of some rows, evenly apart: what the row is called, and its hash. */
  sample: z.array(z.object({ key: z.string(), sha256: SHA256 })),
})

export const contentsSchema = z.object({
  /** The last migration that was applied. */
  schema_version: z.string(),
  tables: z.record(z.string(), tableSchema),
  /** The end of each chain of the audit log. */
  chains: z.record(z.string(), z.object({ seq: z.int(), hash: SHA256 })),
})

export type Contents = z.output<typeof contentsSchema>

/** Reads all of a database. */
export function describeContents(db: DatabaseSync): Contents {
  const names = db
    .prepare(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    )
    .all()
    .map(({ name }) => String(name))
  const tables = Object.fromEntries(names.map((name) => [name, describeTable(db, name)]))
  const last = db.prepare('SELECT name FROM d1_migrations ORDER BY id DESC LIMIT 1').get()
  const heads = db
    .prepare('SELECT tenant_id AS chain, max(seq) AS seq, hash FROM audit_log GROUP BY tenant_id')
    .all() as { chain: string; seq: number; hash: string }[]
  const chains = Object.fromEntries(heads.map(({ chain, seq, hash }) => [chain, { seq, hash }]))
  return { schema_version: String(last?.name ?? ''), tables, chains }
}

function describeTable(db: DatabaseSync, table: string): Contents['tables'][string] {
  const columns = db.prepare(`PRAGMA table_info("${table}")`).all() as { name: string; pk: number }[]
  const key = columns.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk)
  const names = columns.map(({ name }) => name).toSorted()
  const rows = Number(db.prepare(`SELECT count(*) AS n FROM "${table}"`).get()?.n ?? 0)
  const step = Math.max(1, Math.ceil(rows / SAMPLED_ROWS))
  const all = createHash('sha256')
  const sample: { key: string; sha256: string }[] = []
  let n = 0
  const order = key.map(({ name }) => `"${name}"`).join(', ')
  for (const row of db.prepare(`SELECT * FROM "${table}" ORDER BY ${order}`).iterate()) {
    const text = JSON.stringify(names.map((name) => [name, plain(row[name])]))
    all.update(text)
    if (n++ % step === 0) {
      const sha256 = createHash('sha256').update(text).digest('hex')
      sample.push({ key: key.map(({ name }) => String(row[name])).join(' / '), sha256 })
    }
  }
  return { rows, sha256: all.digest('hex'), sample }
}

function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : value
}

/** Each difference as a sentence; none when the same rows are in both. */
export function differences(expected: Contents, found: Contents): string[] {
  const said: string[] = []
  if (expected.schema_version !== found.schema_version)
    said.push(`schema is at ${found.schema_version || 'nothing'}, not ${expected.schema_version}`)
  for (const name of new Set([...Object.keys(expected.tables), ...Object.keys(found.tables)])) {
    const [was, is] = [expected.tables[name], found.tables[name]]
    if (was === undefined || is === undefined)
      said.push(`${name} is only in ${was === undefined ? 'the restored' : 'the backup'}`)
    else if (was.rows !== is.rows) said.push(`${name} has ${is.rows} rows, not ${was.rows}`)
    else if (was.sha256 !== is.sha256) said.push(`${name} has other rows${whichRow(was.sample, is.sample)}`)
  }
  for (const [chain, head] of Object.entries(expected.chains)) {
    const is = found.chains[chain]
    if (is?.seq !== head.seq || is.hash !== head.hash)
      said.push(`the audit log of ${chain} ends at ${is?.seq ?? 0}, not as it did at ${head.seq}`)
  }
  return said
}

type Sample = Contents['tables'][string]['sample']

function whichRow(was: Sample, is: Sample): string {
  const found = was.find(({ key, sha256 }, n) => is[n]?.key !== key || is[n]?.sha256 !== sha256)
  return found === undefined ? '' : `, for one ${found.key}`
}
