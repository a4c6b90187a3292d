import type { Deps } from '../deps.ts'
import { type Pointer, parsePointer } from '../lib/json-pointer.ts'

/** Messages of one type. */
export interface Kind {
  tenant_id: string
  event_type: string
}

/**
 * What is to be hidden of messages of these types, by what D1 says now: a pointer that was added a moment ago
 * holds for what has long been stored. The tenant's pointers hold for every type, those of a type beside them.
 * @throws what D1 throws
 */
export async function loadPointers(
  { env }: Pick<Deps, 'env'>,
  kinds: readonly Kind[],
): Promise<(kind: Kind) => readonly Pointer[]> {
  if (kinds.length === 0) return () => []
  const wanted = kinds.map(({ tenant_id, event_type }) => [tenant_id, event_type])
  const { results } = await env.DB.prepare(LOAD)
    .bind(JSON.stringify(wanted))
    .all<{ tenant_id: string; name: string | null; redact: string }>()
  return ({ tenant_id, event_type }) =>
    results
      .filter((row) => row.tenant_id === tenant_id && (row.name === null || row.name === event_type))
      .flatMap(({ redact }) => readPointers(redact))
}

/** As they are stored: a list of pointers, as JSON. */
function readPointers(json: string): Pointer[] {
  // They were checked when they were saved; one that a later version cannot read hides everything.
  return (JSON.parse(json) as string[]).map((text) => {
    const pointer = parsePointer(text)
    return pointer.ok ? pointer.value : []
  })
}

const LOAD = `SELECT DISTINCT tenants.id AS tenant_id, NULL AS name, redact FROM json_each(?1) AS kind
    CROSS JOIN tenants ON tenants.id = kind.value ->> 0 WHERE redact <> '[]'
  UNION ALL
  SELECT DISTINCT tenant_id, name, redact FROM json_each(?1) AS kind
    CROSS JOIN event_types ON tenant_id = kind.value ->> 0 AND name = kind.value ->> 1 WHERE redact <> '[]'`
