import { headerContext, openHeader } from '../../src/endpoints/own-headers.ts'
import type { Keyring } from '../../src/lib/keyring.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import type { Report } from '../../src/report.ts'
import { reportUnsealable } from './report-unsealable.ts'
import type { EndpointSettings } from './rpc.ts'

type Owner = Pick<EndpointSettings, 'tenant_id' | 'endpoint_id' | 'headers'>

/** Values by owner and sealed text, so that a busy endpoint decrypts them once per isolate. */
const opened = new Map<string, string>()
const OPENED_MAX = 1000

/** The endpoint's own headers as they are sent. */
export async function ownHeaders(
  owner: Owner,
  { keyring, report }: { keyring: Keyring; report: Report },
): Promise<Result<Record<string, string>, string>> {
  const headers: Record<string, string> = {}
  for (const [name, stored] of Object.entries(owner.headers)) {
    const sealed = typeof stored === 'string' ? stored : stored.sealed
    const place = `${headerContext(owner, name)}/${sealed}`
    const known = opened.get(place)
    const value = known === undefined ? await openHeader(keyring, owner, name, stored) : ok(known)
    if (!value.ok) {
      reportUnsealable(report, owner, sealed, value.error, name)
      return err(`the header ${name} could not be decrypted: is its master key still configured?`)
    }
    headers[name] = value.value
    if (opened.size >= OPENED_MAX) opened.clear()
    opened.set(place, value.value)
  }
  return ok(headers)
}
