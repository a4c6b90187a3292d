/** An endpoint's own request headers as they are stored: their values may be credentials, so they are sealed like secrets. */
import type { StoredHeaders } from '../../durable-objects/endpoint/rpc.ts'
import { type Keyring, seal, type UnsealError, unseal } from '../lib/keyring.ts'
import { ok, type Result } from '../lib/result.ts'

interface Owner {
  tenant_id: string
  endpoint_id: string
}

/** Associated data of the encryption: a value opens for this header of this endpoint alone. */
export function headerContext({ tenant_id, endpoint_id }: Owner, name: string): string {
  return `${tenant_id}/${endpoint_id}/headers/${name}`
}

/** @param before as they are stored: a value that has not changed stays as it is, so that nothing seems to have changed */
export async function sealHeaders(
  keyring: Keyring,
  owner: Owner,
  headers: Readonly<Record<string, string>>,
  before: StoredHeaders = {},
): Promise<StoredHeaders> {
  const sealing = Object.entries(headers).map(async ([name, value]) => {
    const stored = before[name]
    if (typeof stored === 'object') {
      const same = await openHeader(keyring, owner, name, stored)
      if (same.ok && same.value === value) return [name, stored] as const
    }
    return [name, { sealed: await seal(keyring, value, headerContext(owner, name)) }] as const
  })
  return Object.fromEntries(await Promise.all(sealing))
}

/** The value of one of {@link StoredHeaders}. */
export async function openHeader(
  keyring: Keyring,
  owner: Owner,
  name: string,
  stored: StoredHeaders[string],
): Promise<Result<string, UnsealError>> {
  // Of before values were sealed; the next rotation of the master key seals it.
  if (typeof stored === 'string') return ok(stored)
  return unseal(keyring, stored.sealed, headerContext(owner, name))
}
