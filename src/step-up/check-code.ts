import { and, lt, lte, type SQL, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { log } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { findEnrolment, type Holder, isSame, openTotpSecret } from './find-enrolment.ts'
import { type EnrolmentRow, totpEnrolments } from './table.ts'
import { judgeCode } from './totp.ts'

/**
 * So many wrong codes in a row lock the enrolment, for 15 minutes at first and twice as long each further time, up to
 * a day: a guess hits one of three codes in a million, and a key that was stolen may be used for a year.
 */
const FAILURES_PER_LOCK = 5
const LOCK_MS = 15 * 60 * 1000
const LOCK_MS_MAX = 24 * 60 * 60 * 1000
/** Doublings after which a lock is as long as it gets. */
const DOUBLINGS_MAX = 7

const TRIES_MAX = 5

const INVALID = problem('totp_invalid', 'this is no current code of this key: read it from your authenticator again')
const USED = problem('totp_invalid', 'this code was used before: wait for the next one')

/** Uses a code up in the database; false when what was read is no longer so. */
type Acceptance = (deps: Deps, use: Use) => Promise<boolean>

/**
 * Accepts a code once. Whatever is decided on what was read takes effect only while that is so: of two requests with
 * the same code one passes, and a right code that comes after the last wrong one that is allowed does not.
 * @param row the enrolment as it was just read
 */
export async function checkCode(
  deps: Deps,
  holder: Holder,
  row: EnrolmentRow,
  code: string,
  accept: Acceptance = run,
): Promise<Result<void, Problem>> {
  const checked = await judge(deps, holder, row, code, accept)
  if (!checked.ok && checked.error.code !== 'secret_unsealable') {
    const ids = { tenant_id: holder.tenant_id, key_id: holder.key_id, trace_id: deps.trace?.trace_id }
    log('warn', 'step_up.refused', { ...ids, reason: checked.error.code })
  }
  return checked
}

async function judge(
  deps: Deps,
  holder: Holder,
  first: EnrolmentRow,
  code: string,
  accept: Acceptance,
): Promise<Result<void, Problem>> {
  let row: EnrolmentRow | undefined = first
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    // Somebody has removed it, or begun another.
    if (row === undefined || (row.confirmed_at === null) !== (first.confirmed_at === null)) return err(INVALID)
    const now = deps.now()
    if (row.locked_until > now) return err(locked(row, now))
    const secret = await openTotpSecret(deps, row)
    if (!secret.ok) return secret
    const verdict = judgeCode(secret.value, code, row.last_step, now)
    switch (verdict.kind) {
      case 'malformed':
        return err(INVALID)
      case 'used':
        return err(USED)
      case 'wrong':
        if (await countFailure(deps, row, now)) return err(INVALID)
        break
      case 'right':
        if (await accept(deps, useUp(row, verdict.step, now))) return ok(undefined)
        break
    }
    row = await findEnrolment(deps, holder)
  }
  return err(problem('changed_meanwhile', 'others keep sending codes of this key: try again'))
}

/** @returns false when it was locked, or is another one, since it was read */
async function countFailure({ db }: Deps, row: EnrolmentRow, now: number): Promise<boolean> {
  const failures = sql`(${totpEnrolments.failures} + 1)`
  const doublings = sql`MIN(${failures} / ${FAILURES_PER_LOCK} - 1, ${DOUBLINGS_MAX})`
  const lock_ms = sql`MIN(${LOCK_MS} << ${doublings}, ${LOCK_MS_MAX})`
  const { meta } = await db
    .update(totpEnrolments)
    .set({
      failures: sql`${failures}`,
      locked_until: sql`CASE WHEN ${failures} % ${FAILURES_PER_LOCK} = 0 THEN ${now} + ${lock_ms} ELSE ${totpEnrolments.locked_until} END`,
    })
    .where(and(isSame(row), lte(totpEnrolments.locked_until, now)))
  return meta.changes > 0
}

/** What becomes of an enrolment whose code is accepted, and while what holds. */
interface Use {
  set: { last_step: number; failures: number; locked_until: number }
  where: SQL | undefined
}

function useUp(row: EnrolmentRow, step: number, now: number): Use {
  return {
    set: { last_step: step, failures: 0, locked_until: 0 },
    where: and(isSame(row), lt(totpEnrolments.last_step, step), lte(totpEnrolments.locked_until, now)),
  }
}

async function run({ db }: Deps, { set, where }: Use): Promise<boolean> {
  const { meta } = await db.update(totpEnrolments).set(set).where(where)
  return meta.changes > 0
}

function locked({ locked_until }: EnrolmentRow, now: number): Problem {
  const seconds = Math.ceil((locked_until - now) / 1000)
  return problem('totp_locked', `too many wrong codes: none is accepted for ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  })
}
