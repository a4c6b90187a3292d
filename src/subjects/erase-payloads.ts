import { parsePayloadKey, payloadsOfSubject } from '../messages/body.ts'
import { save, type Turn } from './turn.ts'

/** They lie in one value of D1 while they are deleted, and R2 deletes as many at once. */
const PAYLOADS_PER_PAGE = 250

/**
 * Deletes the payloads in R2. They lie under their subject, so what no Endpoint holds yet is found too: a queue may
 * name it. Which keys are about to go is saved before they do, so that whoever goes on counts none twice.
 */
export async function erasePayloads(turn: Turn): Promise<boolean> {
  const { deps, run } = turn
  const { tenant_id, subject, requested_at } = turn.erasure
  const prefix = payloadsOfSubject(tenant_id, subject)
  while (run.take(3)) {
    const { after, deleting } = turn.erasure.progress
    const listed = await deps.env.PAYLOADS.list({
      prefix,
      limit: PAYLOADS_PER_PAGE,
      ...(after !== '' && { startAfter: after }),
    })
    const keys = listed.objects.map(({ key }) => key)
    // What was published since is new.
    const doomed = keys.filter((key) => (parsePayloadKey(key)?.accepted_at ?? 0) <= requested_at)
    if (doomed.length > 0) {
      const counted = new Set(deleting)
      await save(turn, { deleting: doomed }, { payloads: doomed.filter((key) => !counted.has(key)).length })
      await deps.env.PAYLOADS.delete(doomed)
    }
    const last = keys.at(-1)
    if (!listed.truncated || last === undefined) return true
    turn.erasure.progress = { ...turn.erasure.progress, after: last }
  }
  return false
}
