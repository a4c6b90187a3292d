import type { UnsealError } from '../../src/lib/keyring.ts'
import type { Report } from '../../src/report.ts'

/** What was reported by this isolate: attempts are repeated for as long as it lasts, and one line says it. */
const reported = new Set<string>()
const REPORTED_MAX = 1000

/**
 * Says in the log that what an endpoint needs to send anything cannot be decrypted.
 * @param header which of its headers; none for a signing secret
 */
export function reportUnsealable(
  report: Report,
  { tenant_id, endpoint_id }: { tenant_id: string; endpoint_id: string },
  sealed: string,
  reason: UnsealError,
  header?: string,
): void {
  const name = `${tenant_id}/${endpoint_id}/${sealed}`
  if (reported.has(name)) return
  if (reported.size >= REPORTED_MAX) reported.clear()
  reported.add(name)
  report('secret.unsealable', new Error(reason), { tenant_id, endpoint_id, header })
}
