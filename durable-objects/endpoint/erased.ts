/** What is left of a delivery whose content was erased: ids, times, states and counts. */
import type { AttemptRecord, EnqueueItem } from './rpc.ts'

/**
 * Erases the delivery ?1 at ?2, its attempts being ?3. Of a media type the parameters go, which may say anything. The
 * fingerprint goes because whoever guesses a content could tell by it: an erased id is a duplicate whatever comes.
 */
export const ERASE_DELIVERY = `UPDATE deliveries SET erased_at = COALESCE(erased_at, ?2), updated_at = ?2, revision = revision + 1,
    subject = NULL, payload = NULL, r2_key = NULL, headers = '{}', channels = '[]', ordering_key = NULL, note = NULL,
    fingerprint = '', content_type = substr(content_type, 1, instr(content_type || ';', ';') - 1), attempt_log = ?3,
    order_key = CASE WHEN finished_at IS NULL THEN order_key END, seq = CASE WHEN finished_at IS NULL THEN seq END
  WHERE position = ?1`

/** An attempt without what was sent and what came back; an error's sentence may quote either. */
export function recordWithoutContent(record: AttemptRecord): AttemptRecord {
  return { ...record, detail: null, request_headers: {}, response_headers: {}, response_body: '' }
}

/** A message that arrives after its data subject was erased: nothing of its content is ever written. */
export function itemWithoutContent(item: EnqueueItem): EnqueueItem {
  const { message_id, event_type, content_type, format, accepted_at, fingerprint } = item
  const body = { inline: new Uint8Array() }
  const nothing = { headers: {}, channels: [], ordering_key: null, subject: null, note: null }
  return { message_id, event_type, content_type, format, accepted_at, fingerprint, body, ...nothing }
}
