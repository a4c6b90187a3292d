import { eq } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { everyLane, objectName } from '../endpoints/lanes.ts'
import { callEndpoint } from '../endpoints/stub.ts'
import { endpoints } from '../endpoints/table.ts'
import { log } from '../lib/log.ts'
import type { PayloadKey } from '../messages/body.ts'
import { report } from '../report.ts'
import type { Run } from './run.ts'

/** Lanes of one tenant that one run can ask. */
const LANES_ASKED_MAX = 700
const CALLS_AT_ONCE = 20

/**
 * Which of these messages of one tenant somebody still holds: a lane of one of its endpoints, the table of
 * what nobody subscribed to, or a fan-out message that waits for the operator. Whoever does not answer may
 * hold them all. Null when the run has no room for asking.
 * @throws what D1 throws
 */
export async function heldMessages(
  deps: Deps,
  run: Run,
  tenant_id: string,
  messages: readonly PayloadKey[],
): Promise<ReadonlySet<string> | null> {
  if (!run.take(2)) return null
  const message_ids = [...new Set(messages.map(({ message_id }) => message_id))]
  const rows = await deps.db
    .select({ id: endpoints.id, layout: endpoints.layout })
    .from(endpoints)
    .where(eq(endpoints.tenant_id, tenant_id))
  const lanes = rows.flatMap(({ id, layout }) => everyLane(layout).map((lane) => objectName(id, lane)))
  if (lanes.length > LANES_ASKED_MAX) {
    log('warn', 'retention.payloads_unasked', { tenant_id, lanes: lanes.length, payloads: messages.length })
    return new Set(message_ids)
  }
  if (!run.take(lanes.length)) return null
  try {
    const held = new Set(await heldByDatabase(deps, tenant_id, messages))
    for (let i = 0; i < lanes.length; i += CALLS_AT_ONCE) {
      const answers = await Promise.all(
        lanes.slice(i, i + CALLS_AT_ONCE).map((lane) => callEndpoint(deps.env, lane, (stub) => stub.held(message_ids))),
      )
      for (const message_id of answers.flat()) held.add(message_id)
    }
    return held
  } catch (error) {
    report(deps, 'retention.payloads_unasked', error, { tenant_id, payloads: messages.length })
    return new Set(message_ids)
  }
}

async function heldByDatabase({ env }: Deps, tenant_id: string, messages: readonly PayloadKey[]): Promise<string[]> {
  const keys = messages.map(({ message_id, accepted_at }) => [accepted_at, message_id])
  const { results } = await env.DB.prepare(HELD).bind(tenant_id, JSON.stringify(keys)).run<{ id: string }>()
  return results.map(({ id }) => id)
}

const HELD = `SELECT unmatched.id FROM json_each(?2) AS payload CROSS JOIN unmatched_messages AS unmatched
    WHERE unmatched.tenant_id = ?1 AND unmatched.accepted_at = payload.value ->> 0 AND unmatched.id = payload.value ->> 1
      AND unmatched.expired_at IS NULL AND unmatched.erased_at IS NULL
  UNION SELECT body ->> '$.item.message_id' FROM dead_letters
    WHERE tenant_id = ?1 AND cause = 'internal' AND body ->> '$.item.body.r2_key' IS NOT NULL`
