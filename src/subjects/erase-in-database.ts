import type { Progress } from './table.ts'
import { type Counted, HELD, save, type Turn } from './turn.ts'

/** Each unmatched message may hold a payload of 96 KiB. */
const ROWS_PER_PAGE = 500

/** Ends the batch's writes when another run has taken over; numbered behind the three that it names. */
const IS_HELD = `EXISTS (SELECT 1 FROM erasures ${HELD})`

type Table = Extract<Progress['store'], 'deliveries' | 'unmatched_messages' | 'dead_letters'>

/** All take the same parameters: tenant, erasure, lease, subject, until when, now, how many. */
interface Erasing {
  statement: string
  counted: Counted
}

// Of a media type the parameters go, which may say anything; the fingerprint, by which a guess of the content could be checked.
const STATEMENTS: Readonly<Record<Table, Erasing>> = {
  // For those whose Endpoint is gone: the others have written the same already, or are about to.
  deliveries: {
    statement: `UPDATE deliveries SET subject = NULL, ordering_key = NULL, reason = NULL, erased_at = COALESCE(erased_at, ?6)
      WHERE ${IS_HELD} AND (tenant_id, accepted_at, message_id, endpoint_id) IN (
        SELECT tenant_id, accepted_at, message_id, endpoint_id FROM deliveries
        WHERE tenant_id = ?1 AND subject = ?4 AND accepted_at <= ?5 LIMIT ?7)`,
    counted: {},
  },
  unmatched_messages: {
    statement: `UPDATE unmatched_messages SET subject = NULL, erased_at = ?6, payload = NULL, r2_key = NULL, headers = '{}',
        parked_by = NULL, channels = '[]', ordering_key = NULL, fingerprint = '',
        content_type = substr(content_type, 1, instr(content_type || ';', ';') - 1)
      WHERE ${IS_HELD} AND (tenant_id, accepted_at, id) IN (SELECT tenant_id, accepted_at, id FROM unmatched_messages
        WHERE tenant_id = ?1 AND subject = ?4 AND accepted_at <= ?5 LIMIT ?7)`,
    counted: { changes: 'unmatched_messages' },
  },
  // Only what a queue gave up on holds content. It could not be sent any more, so the row goes as a whole.
  dead_letters: {
    statement: `DELETE FROM dead_letters
      WHERE ${IS_HELD} AND ?6 > 0 AND (tenant_id, id) IN (SELECT tenant_id, id FROM dead_letters
        INDEXED BY dead_letters_recent WHERE tenant_id = ?1 AND cause = 'internal' AND body ->> '$.item.subject' = ?4
          AND body ->> '$.item.accepted_at' <= ?5 LIMIT ?7)`,
    counted: { changes: 'dead_letters' },
  },
}

/** A page a statement, each in one batch with what it counts. */
export async function eraseInDatabase(turn: Turn, table: Table): Promise<boolean> {
  const { deps, run, lease } = turn
  const { tenant_id, id, subject, requested_at } = turn.erasure
  const { statement, counted } = STATEMENTS[table]
  while (run.take()) {
    const erasing = deps.env.DB.prepare(statement).bind(
      tenant_id,
      id,
      lease,
      subject,
      requested_at,
      deps.now(),
      ROWS_PER_PAGE,
    )
    const changes = await save(turn, {}, counted, erasing)
    if (changes < ROWS_PER_PAGE) return true
  }
  return false
}
