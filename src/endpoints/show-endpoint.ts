import type { z } from '@hono/zod-openapi'
import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import { type endpointSchema, toEndpointJson } from './contract.ts'
import { openHeader } from './own-headers.ts'
import type { EndpointRow } from './settings.ts'

const REDACTED = '[redacted]'
/** Stands for a value whose master key is gone: the rest of the endpoint can still be shown, and mended. */
const UNSEALABLE = '[unsealable]'

/**
 * An endpoint as the API shows it: without its secrets, and without the values of its headers, which
 * may be credentials, to those who may not see secrets.
 */
export async function showEndpoint(
  deps: Deps,
  row: EndpointRow,
  shows_secrets: boolean,
): Promise<z.output<typeof endpointSchema>> {
  const shown = Object.entries(row.headers).map(
    async ([name, stored]) => [name, shows_secrets ? await open(deps, row, name, stored) : REDACTED] as const,
  )
  return toEndpointJson(row, Object.fromEntries(await Promise.all(shown)))
}

async function open(
  deps: Deps,
  { tenant_id, id: endpoint_id }: EndpointRow,
  name: string,
  stored: EndpointRow['headers'][string],
): Promise<string> {
  const value = await openHeader(deps.settings.keyring, { tenant_id, endpoint_id }, name, stored)
  if (value.ok) return value.value
  report(deps, 'secret.unsealable', new Error(value.error), { tenant_id, endpoint_id, header: name })
  return UNSEALABLE
}
