/** An Endpoint's deliveries in SQLite. Other tables belong to whoever keeps them: meta.ts, journal.ts, dead-letter-outbox.ts. */
import { isKeyedId, timeOfId } from '../../src/lib/ids.ts'
import { Backlog, type Place } from './backlog.ts'
import { type DeliveryRow, PARCEL, type Parcel, type ProjectedRow, ROW } from './delivery-row.ts'
import { ERASE_DELIVERY, recordWithoutContent } from './erased.ts'
import type { Change, Stored } from './machine.ts'
import { endPosition, firstPosition } from './position.ts'
import { type AttemptRecord, type EnqueueItem, FILTER_FAILED, type StoredMessage } from './rpc.ts'
import { migrate } from './schema.ts'

/** Attempts kept per delivery; older ones make room. */
const ATTEMPTS_KEPT_MAX = 50
/** A row may hold 2 MB, and a receiver that wants to can make each attempt's record some 60 KB long. */
const ATTEMPT_LOG_LENGTH_MAX = 256 * 1024

export interface Placement {
  position: number
  order_key: string | null
  due_at: number | null
  /** Place within the ordering key; null without one. */
  seq: number | null
  /** Below this everything was settled when the row was written. */
  watermark: number
  now: number
}

interface Span {
  from: number
  below: number
}

/** Of the event types that are the first parameter. */
const HAS_CONTENT = 'expired_at IS NULL AND erased_at IS NULL AND event_type IN (SELECT value FROM json_each(?1))'

export class Store {
  private readonly sql: SqlStorage
  private readonly backlog = new Backlog((after, limit) => this.scheduledAfter(after, limit))

  constructor(sql: SqlStorage) {
    this.sql = sql
    migrate(sql)
  }

  // --- finding ---

  find(message_id: string): DeliveryRow | null {
    const accepted_at = timeOfId(message_id)
    if (accepted_at === undefined) return this.findKeyed(message_id)
    const [row] = this.sql.exec<DeliveryRow>(
      `SELECT ${ROW} FROM deliveries WHERE position >= ? AND position < ? AND message_id = ?`,
      firstPosition(accepted_at),
      endPosition(accepted_at),
      message_id,
    )
    return row ?? null
  }

  findKeyed(message_id: string): DeliveryRow | null {
    if (!isKeyedId(message_id)) return null
    const [row] = this.sql.exec<DeliveryRow>(
      // The bound tells SQLite that the partial index applies.
      `SELECT ${ROW} FROM deliveries WHERE message_id = ? AND message_id >= 'msg_Z'`,
      message_id,
    )
    return row ?? null
  }

  row(position: number): DeliveryRow | null {
    const [row] = this.sql.exec<DeliveryRow>(`SELECT ${ROW} FROM deliveries WHERE position = ?`, position)
    return row ?? null
  }

  parcel(position: number): Parcel | null {
    const [row] = this.sql.exec<Parcel>(`SELECT ${PARCEL} FROM deliveries WHERE position = ?`, position)
    return row ?? null
  }

  attemptLog(position: number): AttemptRecord[] {
    const [row] = this.sql.exec<{ attempt_log: string }>(
      'SELECT attempt_log FROM deliveries WHERE position = ?',
      position,
    )
    return row === undefined ? [] : (JSON.parse(row.attempt_log) as AttemptRecord[])
  }

  message(position: number): StoredMessage | null {
    const [row] = this.sql.exec<{
      message_id: string
      event_type: string
      content_type: string
      format: 'event' | 'raw'
      headers: string
      channels: string
      ordering_key: string | null
      subject: string | null
      erased_at: number | null
      accepted_at: number
      fingerprint: string
      expired_at: number | null
      r2_key: string | null
      size_bytes: number
      payload: ArrayBuffer | null
    }>(
      `SELECT message_id, event_type, content_type, format, headers, channels, ordering_key, subject, accepted_at, fingerprint,
         expired_at, erased_at, r2_key, size_bytes, payload FROM deliveries WHERE position = ?`,
      position,
    )
    if (row === undefined) return null
    const { r2_key, size_bytes, payload, headers, channels, expired_at, ...rest } = row
    const body = r2_key === null ? { inline: new Uint8Array(payload ?? new ArrayBuffer(0)) } : { r2_key, size_bytes }
    return {
      ...rest,
      size_bytes,
      headers: JSON.parse(headers) as Record<string, string>,
      channels: JSON.parse(channels) as string[],
      body: expired_at === null && rest.erased_at === null ? body : null,
    }
  }

  /** What is stored of the messages accepted at this millisecond, and the first free position for one more. */
  acceptedAt(accepted_at: number): { by_message_id: Map<string, DeliveryRow>; free: number } {
    const rows = this.sql
      .exec<DeliveryRow>(
        `SELECT ${ROW} FROM deliveries WHERE position >= ? AND position < ? ORDER BY position`,
        firstPosition(accepted_at),
        endPosition(accepted_at),
      )
      .toArray()
    const last = rows.at(-1)
    return {
      by_message_id: new Map(rows.map((row) => [row.message_id, row])),
      free: last === undefined ? firstPosition(accepted_at) : last.position + 1,
    }
  }

  newest(): { position: number; watermark: number } | null {
    const [row] = this.sql.exec<{ position: number; watermark: number }>(
      'SELECT position, watermark FROM deliveries ORDER BY position DESC LIMIT 1',
    )
    return row ?? null
  }

  // --- the schedule ---

  /** Due deliveries that are not in flight, oldest first, and when the next one is due. They must be started. */
  takeDue(
    now: number,
    limit: number,
    in_flight: ReadonlyMap<number, unknown>,
  ): { deliveries: Parcel[]; next_due_at: number | null } {
    const { positions, next_due_at } = this.backlog.take(now, limit, in_flight)
    const deliveries = positions.map((position) => this.parcel(position)).filter((parcel) => parcel !== null)
    return { deliveries, next_due_at }
  }

  /** The earliest due time of a delivery that is not in flight. */
  nextDueAt(in_flight: ReadonlyMap<number, unknown>): number | null {
    return this.backlog.nextDueAt(in_flight)
  }

  private scheduledAfter({ due_at, position }: Place, limit: number): Place[] {
    return this.sql
      .exec<Place & Record<string, SqlStorageValue>>(
        // Of a comparison of pairs SQLite would use the index for the first half alone, and many may be due at once.
        `SELECT due_at, position FROM deliveries WHERE due_at = ?1 AND position > ?2
           UNION ALL SELECT due_at, position FROM deliveries WHERE due_at > ?1 ORDER BY due_at, position LIMIT ?3`,
        due_at,
        position,
        limit,
      )
      .toArray()
  }

  /** Place of the last delivery of this ordering key that has not ended; null when none is left. */
  lastSeq(order_key: string): number | null {
    const [row] = this.sql.exec<{ seq: number }>(
      'SELECT seq FROM deliveries WHERE order_key = ? AND finished_at IS NULL ORDER BY seq DESC LIMIT 1',
      order_key,
    )
    return row?.seq ?? null
  }

  /** Makes the head of an ordering key due, unless it already is. */
  release(order_key: string, now: number): DeliveryRow | null {
    const head = this.firstInOrder(order_key)
    if (head === null || head.due_at !== null) return null
    this.sql.exec('UPDATE deliveries SET due_at = ? WHERE position = ?', now, head.position)
    this.backlog.schedule({ due_at: now, position: head.position })
    return head
  }

  /** The first ordering key, from one on, of deliveries that have not ended and for which this holds. */
  findOrderKey(from: string | null, holds: (order_key: string) => boolean): string | null {
    // From key to key, because one may have many deliveries.
    let key = this.orderKey(from === null ? ['>', ''] : ['>=', from])
    while (key !== null && !holds(key)) key = this.orderKey(['>', key])
    return key
  }

  private orderKey([comparison, key]: ['>' | '>=', string]): string | null {
    const [row] = this.sql.exec<{ order_key: string }>(
      `SELECT order_key FROM deliveries WHERE order_key ${comparison} ? AND finished_at IS NULL ORDER BY order_key LIMIT 1`,
      key,
    )
    return row?.order_key ?? null
  }

  private firstInOrder(order_key: string): DeliveryRow | null {
    const [row] = this.sql.exec<DeliveryRow>(
      `SELECT ${ROW} FROM deliveries WHERE order_key = ? AND finished_at IS NULL ORDER BY seq LIMIT 1`,
      order_key,
    )
    return row ?? null
  }

  /** Some deliveries below this position that have not ended. */
  unfinishedBelow(below: number, limit: number, skip: ReadonlyMap<number, unknown>): Stored[] {
    // Of ordered ones only the head is scheduled, so they are asked for first: a page would hold few otherwise.
    for (const is_unfinished of ['order_key IS NOT NULL AND finished_at IS NULL', 'due_at IS NOT NULL']) {
      const rows = this.sql.exec<DeliveryRow>(
        // The plus keeps SQLite from walking the primary key, past every finished delivery.
        `SELECT ${ROW} FROM deliveries WHERE ${is_unfinished} AND +position < ? LIMIT ?`,
        below,
        limit + skip.size,
      )
      const found = rows.toArray().filter(({ position }) => !skip.has(position))
      if (found.length > 0) return found.slice(0, limit)
    }
    return []
  }

  /** Counts up to `max` unfinished deliveries, by the two indexes that hold them. */
  countUnfinished(max: number): number {
    const count = (is_counted: string) =>
      this.sql
        .exec<{ count: number }>(
          `SELECT COUNT(*) AS count FROM (SELECT 1 FROM deliveries WHERE ${is_counted} LIMIT ?)`,
          max,
        )
        .one().count
    const ordered = count('order_key IS NOT NULL AND finished_at IS NULL')
    // Without ordered ones the index of due times suffices; with them few are scheduled beside them.
    return ordered + count(ordered === 0 ? 'due_at IS NOT NULL' : 'due_at IS NOT NULL AND order_key IS NULL')
  }

  /** Gives a due time to what was attempted on arrival and had not ended when the process did. */
  rescheduleInterrupted(watermark: number, now: number): void {
    this.backlog.schedule({ due_at: now, position: watermark })
    this.sql.exec(
      `UPDATE deliveries SET due_at = ? WHERE position >= ? AND finished_at IS NULL AND due_at IS NULL AND order_key IS NULL`,
      now,
      watermark,
    )
  }

  // --- writing ---

  insert(item: EnqueueItem, at: Placement): void {
    const inline = 'inline' in item.body ? item.body.inline : null
    if (at.due_at !== null) this.backlog.schedule({ due_at: at.due_at, position: at.position })
    this.sql.exec(
      `INSERT INTO deliveries (position, message_id, state, due_at, order_key, seq, watermark, accepted_at, updated_at,
         event_type, ordering_key, note, fingerprint, content_type, format, headers, channels, r2_key, size_bytes, payload, subject)
       VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      at.position,
      item.message_id,
      at.due_at,
      at.order_key,
      at.seq,
      at.watermark,
      item.accepted_at,
      at.now,
      item.event_type,
      item.ordering_key,
      item.note,
      item.fingerprint,
      item.content_type,
      item.format,
      JSON.stringify(item.headers),
      JSON.stringify(item.channels),
      'r2_key' in item.body ? item.body.r2_key : null,
      'r2_key' in item.body ? item.body.size_bytes : (inline?.byteLength ?? 0),
      inline,
      // Whoever runs the code of before knows no subjects.
      item.subject ?? null,
    )
  }

  /** Writes a change, and the attempt that led to it if one did, as one row. */
  update(position: number, change: Change, now: number, attempt: AttemptRecord | null): void {
    const finished_at = change.state === 'pending' || change.state === 'waiting' ? null : now
    if (change.due_at !== null) this.backlog.schedule({ due_at: change.due_at, position })
    if (attempt === null) {
      this.sql.exec(
        `UPDATE deliveries SET state = ?, due_at = ?, failures = ?, finished_at = ?, updated_at = ?,
           revision = revision + 1 WHERE position = ?`,
        change.state,
        change.due_at,
        change.failures,
        finished_at,
        now,
        position,
      )
      return
    }
    const earlier = attempt.number === 1 ? [] : this.attemptLog(position)
    this.sql.exec(
      `UPDATE deliveries SET state = ?, due_at = ?, failures = ?, finished_at = ?, updated_at = ?, revision = revision + 1,
         attempts = ?, last_status = ?, last_error = ?, attempt_log = ? WHERE position = ?`,
      change.state,
      change.due_at,
      change.failures,
      finished_at,
      now,
      attempt.number,
      attempt.status,
      attempt.error,
      newestAttempts([...earlier, attempt]),
      position,
    )
  }

  /**
   * Removes the content of a delivery: what was published, and what its attempts sent and got. What stays is
   * what happened. Of one that has not ended, the ordering key stays too, since others wait behind it.
   */
  erase(position: number, now: number): void {
    const attempts = this.attemptLog(position).map(recordWithoutContent)
    this.sql.exec(ERASE_DELIVERY, position, now, JSON.stringify(attempts))
  }

  /** From here on it waits for nobody, and nobody for it. */
  clearOrderKey(position: number): void {
    this.sql.exec('UPDATE deliveries SET order_key = NULL, seq = NULL WHERE position = ?', position)
  }

  setSeq(position: number, seq: number): void {
    this.sql.exec('UPDATE deliveries SET seq = ? WHERE position = ?', seq, position)
  }

  // --- several ---

  rows(positions: readonly number[]): DeliveryRow[] {
    return this.sql
      .exec<DeliveryRow>(
        `SELECT ${ROW} FROM deliveries WHERE position IN (SELECT value FROM json_each(?))`,
        JSON.stringify(positions),
      )
      .toArray()
  }

  /** What the read model keeps of them. Reads past each payload that has a subject, so for nothing else. */
  projected(positions: readonly number[]): ProjectedRow[] {
    return this.sql
      .exec<ProjectedRow>(
        `SELECT ${ROW}, subject FROM deliveries WHERE position IN (SELECT value FROM json_each(?))`,
        JSON.stringify(positions),
      )
      .toArray()
  }

  /** Some of what a data subject has here, accepted until then. */
  ofSubject(subject: string, accepted_until: number, limit: number): DeliveryRow[] {
    return this.sql
      .exec<DeliveryRow>(
        // The positions are those that a message accepted by then may have: whatever is newer is not walked through.
        `SELECT ${ROW} FROM deliveries WHERE subject = ? AND position < ? AND accepted_at <= ? ORDER BY position LIMIT ?`,
        subject,
        endPosition(accepted_until),
        accepted_until,
        limit,
      )
      .toArray()
  }

  positionsFrom(position: number, limit: number): number[] {
    return this.sql
      .exec<{ position: number }>(
        'SELECT position FROM deliveries WHERE position >= ? ORDER BY position LIMIT ?',
        position,
        limit,
      )
      .toArray()
      .map((row) => row.position)
  }

  // --- pages, newest or oldest first ---

  /** At most `scan` rows looked at, from `below` downwards. */
  pageDown(below: number, from: number, scan: number): DeliveryRow[] {
    return this.sql
      .exec<DeliveryRow>(
        `SELECT ${ROW} FROM deliveries WHERE position < ? AND position >= ? ORDER BY position DESC LIMIT ?`,
        below,
        from,
        scan,
      )
      .toArray()
  }

  pageUp(from: number, below: number, scan: number): DeliveryRow[] {
    return this.sql
      .exec<DeliveryRow>(
        `SELECT ${ROW} FROM deliveries WHERE position >= ? AND position < ? ORDER BY position LIMIT ?`,
        from,
        below,
        scan,
      )
      .toArray()
  }

  // --- retention ---

  /**
   * Deletes up to `limit` deliveries that have ended before a time, and of which the read model knows: those below the
   * watermark that are not in the journal. False when there was none.
   */
  deleteFinished(before: number, watermark: number, limit: number): boolean {
    const { rowsWritten } = this.sql.exec(
      `DELETE FROM deliveries WHERE position IN (
         SELECT position FROM deliveries WHERE position < ? AND finished_at < ?
           AND position NOT IN (SELECT position FROM unprojected) LIMIT ?)`,
      Math.min(firstPosition(before), watermark),
      before,
      limit,
    )
    return rowsWritten > 0
  }

  /** The first delivery from a position on. */
  oldest(from = 0): { position: number; finished_at: number | null; event_type: string } | null {
    const [row] = this.sql.exec<{ position: number; finished_at: number | null; event_type: string }>(
      'SELECT position, finished_at, event_type FROM deliveries WHERE position >= ? ORDER BY position LIMIT 1',
      from,
    )
    return row ?? null
  }

  // --- retention of content ---

  /** Where the next page of so many deliveries begins; null when this one is the last. */
  positionAfter(from: number, below: number, page: number): number | null {
    const [row] = this.sql.exec<{ position: number }>(
      'SELECT position FROM deliveries WHERE position >= ? AND position < ? ORDER BY position LIMIT 1 OFFSET ?',
      from,
      below,
      page,
    )
    return row?.position ?? null
  }

  /**
   * Removes payload and attempts of deliveries of these types that have ended before a time.
   * @param event_types as JSON
   */
  expireContent(event_types: string, { from, below }: Span, ended_before: number, now: number): void {
    this.sql.exec(
      `UPDATE deliveries SET expired_at = ?2, payload = NULL, r2_key = NULL, headers = '{}', attempt_log = '[]',
         note = CASE WHEN note LIKE '${FILTER_FAILED}:%' THEN '${FILTER_FAILED}' ELSE note END
       WHERE ${HAS_CONTENT} AND finished_at < ?3 AND position >= ?4 AND position < ?5`,
      event_types,
      now,
      ended_before,
      from,
      below,
    )
  }

  /** The first delivery of these types, as JSON, that has content still. */
  firstWithContent(event_types: string, { from, below }: Span): number | null {
    const [row] = this.sql.exec<{ position: number }>(
      `SELECT position FROM deliveries WHERE ${HAS_CONTENT} AND position >= ?2 AND position < ?3 ORDER BY position LIMIT 1`,
      event_types,
      from,
      below,
    )
    return row?.position ?? null
  }
}

/** JSON of the last attempts, as many as there is room for. */
function newestAttempts(attempts: readonly AttemptRecord[]): string {
  const kept: string[] = []
  let length = 0
  for (const attempt of attempts.slice(-ATTEMPTS_KEPT_MAX).reverse()) {
    const text = JSON.stringify(attempt)
    length += text.length
    if (length > ATTEMPT_LOG_LENGTH_MAX) break
    kept.unshift(text)
  }
  return `[${kept.join(',')}]`
}
