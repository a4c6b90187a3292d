import type { UnsealError } from '../../src/lib/keyring.ts'
import { log } from '../../src/lib/log.ts'

/** What was reported by this isolate: attempts are repeated for as long as it lasts, and one line says it. */
const reported = new Set<string>()
const REPORTED_MAX = 1000

/**
 * Says in the log that what an endpoint needs to send anything cannot be decrypted.
 * @param header which of its headers; none for a signing secret
 */
export function reportUnsealable(
  { tenant_id, endpoint_id }: { tenant_id: string; endpoint_id: string },
  sealed: string,
  reason: UnsealError,
  header?: string,
): void {
  const name = `${tenant_id}/${endpoint_id}/${sealed}`
  if (reported.has(name)) return
  if (reported.size >= REPORTED_MAX) reported.clear()
  reported.add(name)
  log('error', 'secret.unsealable', { tenant_id, endpoint_id, header, reason })
}
