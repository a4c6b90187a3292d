import { z } from '@hono/zod-openapi'
import { pageQuery } from '../http/paging.ts'
import { time, timeInput, toTime } from '../http/time.ts'
import { checkpointSchema } from './checkpoint.ts'
import { ACTIONS, type Action } from './entry.ts'
import type { AuditRow } from './table.ts'
import { FAULTS, type Verdict } from './verify.ts'

const members = z.record(z.string(), z.unknown()).nullable()

export const entrySchema = z
  .object({
    seq: z.int().openapi({ description: 'Its place in the chain, from 1 without gaps' }),
    at: time,
    action: z.string().openapi({ example: 'endpoint.update' }),
    target: z
      .string()
      .nullable()
      .openapi({ example: 'ep_01JD9Z6Q3V8M4T2K7N5B1C0XYE', description: 'What it was done to' }),
    actor: z.object({
      key_id: z.string().openapi({ description: 'The API key; `system` for Postern itself' }),
      role: z.string().openapi({ example: 'admin' }),
      address: z.string().nullable(),
      user_agent: z.string().nullable(),
      request_id: z.string().nullable(),
    }),
    before: members.openapi({ description: 'What changed, as it was; secrets are `[hidden]`' }),
    after: members.openapi({ description: 'What changed, as it became; for what an endpoint is told, what was asked' }),
    prev_hash: z.string().openapi({ description: '`hash` of the entry before' }),
    hash: z.string().openapi({ description: 'SHA-256 of this entry; docs/audit-log.md says over what' }),
    mac: z.string().openapi({ description: 'HMAC of the hash, under a key that is not in the database' }),
  })
  .openapi('AuditEntry')

/** An entry as the API shows and exports it. */
export function toEntryJson({ key_id, role, address, user_agent, request_id, ...row }: AuditRow) {
  return {
    seq: row.seq,
    at: toTime(row.at),
    action: row.action,
    target: row.target,
    actor: { key_id, role, address, user_agent, request_id },
    before: fromJson(row.before),
    after: fromJson(row.after),
    prev_hash: row.prev_hash,
    hash: row.hash,
    mac: row.mac,
  }
}

/** Of a row that somebody has tampered with too, which has to be seen. */
function fromJson(text: string | null): Record<string, unknown> | null {
  if (text === null) return null
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch {
    return { unreadable: text }
  }
}

const filter = {
  action: z.enum(ACTIONS satisfies readonly Action[]).optional(),
  target: z.string().max(300).optional().openapi({ description: 'Only what was done to this' }),
  key_id: z.string().max(100).optional().openapi({ description: 'Only what was done with this key' }),
  since: timeInput.optional(),
  until: timeInput.optional(),
}

export const listQuery = pageQuery.extend(filter)
export const exportQuery = z.object(filter)
export const checkpointsQuery = pageQuery

export const verifyQuery = z.object({
  cursor: z.string().max(1000).optional().openapi({ description: '`next_cursor` of the answer before' }),
})

export const verifyBody = z.strictObject({ checkpoint: checkpointSchema }).openapi('VerifyAuditCheckpoint')

export const verdictSchema = z
  .object({
    holds: z.boolean().openapi({ description: 'Nothing that was looked at has been tampered with' }),
    fault: z
      .object({
        seq: z.int().openapi({ description: 'The first entry that does not hold' }),
        reason: z.enum(FAULTS),
      })
      .nullable(),
    entries: z.int().openapi({ description: 'Entries looked at' }),
    checkpoints: z.int().openapi({ description: 'Checkpoints compared with' }),
    head: z
      .object({ seq: z.int(), hash: z.string() })
      .nullable()
      .openapi({ description: 'The last entry looked at: keep it and compare' }),
    unvouched: z.int().openapi({
      description: 'Entries at the end whose master key is gone: the next entry will vouch for them',
    }),
    next_cursor: z.string().nullable().openapi({ description: 'Null when the end was reached' }),
  })
  .openapi('AuditVerdict')

export function toVerdictJson({ next, ...verdict }: Verdict, encode: (key: [number]) => string) {
  return { holds: verdict.fault === null, ...verdict, next_cursor: next === null ? null : encode([next]) }
}
