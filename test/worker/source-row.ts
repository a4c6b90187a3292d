/** A source as a row, for tests of what is done with one by others than the API. */
import { env } from 'cloudflare:workers'
import { drizzle } from 'drizzle-orm/d1'
import { createId } from '../../src/lib/ids.ts'
import { sources } from '../../src/sources/table.ts'

type Row = typeof sources.$inferSelect

/** Puts one there, and gives its id. */
export async function insertSource(tenant_id: string, fields: Partial<Row> = {}): Promise<string> {
  const id = createId('src', Date.now(), (length) => crypto.getRandomValues(new Uint8Array(length)))
  const row: Row = {
    tenant_id,
    id,
    name: 'payments',
    provider: 'stripe',
    settings: {},
    credentials: [],
    tolerance_s: 300,
    ip_allowlist: null,
    rate_limit_per_s: null,
    body_bytes_max: 1024 * 1024,
    answer: null,
    event_type_prefix: 'stripe',
    channels: [],
    public_url: null,
    paused_at: null,
    failing_told_at: null,
    created_at: Date.now(),
    updated_at: Date.now(),
    ...fields,
  }
  await drizzle(env.DB).insert(sources).values(row)
  return id
}
