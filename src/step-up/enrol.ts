import { getTableColumns, isNull, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { findKey } from '../keys/find-key.ts'
import { seal } from '../lib/keyring.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { findEnrolment, type Holder, totpContext } from './find-enrolment.ts'
import { isEnrollable, NOT_ENROLLABLE, requireOwn } from './own-key.ts'
import { type EnrolmentRow, totpEnrolments } from './table.ts'
import { createTotpSecret, toOtpauthUri, toQrSvg } from './totp.ts'

/** What an authenticator needs, shown this once. */
export interface NewEnrolment {
  /** In base32. */
  secret: string
  uri: string
  qr_svg: string
}

/** Begins the enrolment of the key that asks. It takes effect when it is confirmed; until then it may be begun anew. */
export async function enrol(deps: Deps, holder: Holder, actor: Holder): Promise<Result<NewEnrolment, Problem>> {
  const own = await requireOwn(deps, holder, actor)
  if (!own.ok) return own
  const found = await findKey(deps, holder.tenant_id, holder.key_id)
  // An operator key without a row is that of the settings.
  if (!found.ok && holder.tenant_id !== null) return found
  const { name, enrolment_of } = found.ok ? found.value : { name: 'settings', enrolment_of: null }
  const secret = createTotpSecret(deps.random)
  const identity = { tenant_id: holder.tenant_id ?? '', key_id: enrolment_of ?? holder.key_id }
  const begun = {
    sealed: await seal(deps.settings.keyring, secret, totpContext(identity)),
    created_at: deps.now(),
    last_step: 0,
    failures: 0,
    locked_until: 0,
  }
  if (!(await write(deps, holder, { ...identity, ...begun, confirmed_at: null })))
    return err(await whyNot(deps, holder))
  const uri = toOtpauthUri(secret, issuerOf(deps), `${holder.tenant_id ?? 'operator'}/${name}`)
  return ok({ secret, uri, qr_svg: toQrSvg(uri) })
}

/** In place of one that is pending; false when the key is enrolled, or cannot be any more. */
async function write(deps: Deps, holder: Holder, row: EnrolmentRow): Promise<boolean> {
  const { tenant_id, key_id, confirmed_at, ...begun } = row
  const values = Object.entries(getTableColumns(totpEnrolments)).map(([name, column]) =>
    sql.param(row[name as keyof EnrolmentRow], column),
  )
  const { meta } = await deps.db
    .insert(totpEnrolments)
    .select(sql`SELECT ${sql.join(values, sql`, `)} WHERE ${isEnrollable(deps, holder)}`)
    .onConflictDoUpdate({
      target: [totpEnrolments.tenant_id, totpEnrolments.key_id],
      set: begun,
      setWhere: isNull(totpEnrolments.confirmed_at),
    })
  return meta.changes > 0
}

async function whyNot(deps: Deps, holder: Holder): Promise<Problem> {
  const row = await findEnrolment(deps, holder)
  return row !== undefined && row.confirmed_at !== null
    ? problem('wrong_state', 'the key is enrolled: remove that first, with a code of it')
    : NOT_ENROLLABLE
}

/** People have several gateways, and one app. */
function issuerOf({ settings }: Deps): string {
  return settings.environment === 'production' ? 'Postern' : `Postern ${settings.environment}`
}
