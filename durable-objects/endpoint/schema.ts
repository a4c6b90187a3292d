import { takeSteps } from '../schema-steps.ts'

/** The Endpoint's own tables: every step stays here for good. What each column means is in docs/database.md. */
const STEPS: readonly string[] = [
  // Small columns first: SQLite then reads a row's state without touching the pages of its payload.
  `CREATE TABLE deliveries (
     position INTEGER PRIMARY KEY,
     message_id TEXT NOT NULL,
     state TEXT NOT NULL,
     due_at INTEGER,
     order_key TEXT,
     seq INTEGER,
     failures INTEGER NOT NULL DEFAULT 0,
     attempts INTEGER NOT NULL DEFAULT 0,
     last_status INTEGER,
     last_error TEXT,
     revision INTEGER NOT NULL DEFAULT 1,
     watermark INTEGER NOT NULL,
     accepted_at INTEGER NOT NULL,
     updated_at INTEGER NOT NULL,
     finished_at INTEGER,
     event_type TEXT NOT NULL,
     ordering_key TEXT,
     note TEXT,
     fingerprint TEXT NOT NULL,
     content_type TEXT NOT NULL,
     format TEXT NOT NULL,
     headers TEXT NOT NULL,
     channels TEXT NOT NULL,
     r2_key TEXT,
     size_bytes INTEGER NOT NULL,
     attempt_log TEXT NOT NULL DEFAULT '[]',
     payload BLOB
   );
   CREATE UNIQUE INDEX deliveries_keyed ON deliveries (message_id) WHERE message_id >= 'msg_Z';
   CREATE INDEX deliveries_due ON deliveries (due_at, position) WHERE due_at IS NOT NULL;
   CREATE INDEX deliveries_ordered ON deliveries (order_key, seq) WHERE order_key IS NOT NULL AND finished_at IS NULL;
   CREATE TABLE unprojected (position INTEGER PRIMARY KEY);
   CREATE TABLE dead_letter_outbox (id INTEGER PRIMARY KEY, notice TEXT NOT NULL);
   CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`,
  // Behind the payload, and read without it all the same: the head of a row says that it is NULL.
  'ALTER TABLE deliveries ADD COLUMN expired_at INTEGER',
  // Behind the payload, but a NULL is read off the head of a row; and where there is an erased_at there is no payload.
  `ALTER TABLE deliveries ADD COLUMN erased_at INTEGER;
   ALTER TABLE deliveries ADD COLUMN subject TEXT;
   CREATE INDEX deliveries_subject ON deliveries (subject) WHERE subject IS NOT NULL;
   CREATE TABLE erasures (
     subject TEXT NOT NULL,
     id TEXT NOT NULL,
     requested_at INTEGER NOT NULL,
     deliveries INTEGER NOT NULL DEFAULT 0,
     unfinished INTEGER NOT NULL DEFAULT 0,
     attempts INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (subject, id)
   ) WITHOUT ROWID;`,
]

/** Brings this object's tables to the present version. Call before anything else, inside the constructor. */
export function migrate(sql: SqlStorage): void {
  takeSteps(sql, STEPS)
}
