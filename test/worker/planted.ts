/** Looks for a text in everything that Postern stores: every table of D1, every table of every object, every payload. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { everyLane, type Layout, objectName } from '../../src/endpoints/lanes.ts'
import { stubOf, type TenantHandle } from './harness.ts'

/** Where a text is: `d1 deliveries`, `ep_… deliveries`, `r2 acme/…`. */
export async function whereIs(text: string, tenant: TenantHandle): Promise<string[]> {
  const places = await Promise.all([inDatabase(text), inObjects(text, tenant), inPayloads(text)])
  return [...new Set(places.flat())].toSorted()
}

async function inDatabase(text: string): Promise<string[]> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
  ).run<{ name: string }>()
  const found = await Promise.all(
    results.map(async ({ name }) => {
      const rows = await env.DB.prepare(`SELECT * FROM ${name}`).raw()
      return rows.some((row) => row.some((cell) => holds(cell, text))) ? [`d1 ${name}`] : []
    }),
  )
  return found.flat()
}

async function inObjects(text: string, { id }: TenantHandle): Promise<string[]> {
  const { results } = await env.DB.prepare('SELECT id, layout FROM endpoints WHERE tenant_id = ?')
    .bind(id)
    .run<{ id: string; layout: string }>()
  const names = results.flatMap((row) =>
    everyLane(JSON.parse(row.layout) as Layout).map((lane) => objectName(row.id, lane)),
  )
  const found = await Promise.all(names.map((name) => inObject(text, name)))
  return found.flat()
}

/** @param name of the object */
async function inObject(text: string, name: string): Promise<string[]> {
  return runInDurableObject(stubOf(name), (_endpoint, { storage }) => {
    const tables = storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray()
    return tables
      .filter((table) => !table.name.startsWith('_cf') && !table.name.startsWith('sqlite_'))
      .filter((table) =>
        [...storage.sql.exec(`SELECT * FROM ${table.name}`).raw()].some((row) => row.some((cell) => holds(cell, text))),
      )
      .map((table) => `${name} ${table.name}`)
  })
}

async function inPayloads(text: string): Promise<string[]> {
  const { objects } = await env.PAYLOADS.list({ include: ['customMetadata'] })
  const found = await Promise.all(
    objects.map(async (object) => {
      const content = await (await env.PAYLOADS.get(object.key))?.text()
      const all = `${object.key}${JSON.stringify(object.customMetadata)}${content}`
      return all.includes(text) ? [`r2 ${object.key}`] : []
    }),
  )
  return found.flat()
}

/** D1 gives a blob as a list of bytes, an object as a buffer. */
function holds(cell: unknown, text: string): boolean {
  if (cell === null || cell === undefined) return false
  if (cell instanceof ArrayBuffer) return new TextDecoder().decode(cell).includes(text)
  if (Array.isArray(cell)) return new TextDecoder().decode(new Uint8Array(cell as number[])).includes(text)
  return String(cell).includes(text)
}
