import { getTableColumns, isNull, sql } from 'drizzle-orm'
import { audited, type Statement } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { chainOf, findKey } from '../keys/find-key.ts'
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
  const secret = createTotpSecret(deps.random)
  return audited(deps, chainOf(holder.tenant_id), async (trail) => {
    const found = await findKey(deps, holder.tenant_id, holder.key_id)
    // An operator key without a row is that of the settings.
    if (!found.ok && holder.tenant_id !== null) return found
    const { name, enrolment_of } = found.ok ? found.value : { name: 'settings', enrolment_of: null }
    const identity = { tenant_id: holder.tenant_id ?? '', key_id: enrolment_of ?? holder.key_id }
    const sealed = await seal(deps.settings.keyring, secret, totpContext(identity))
    const decisive = begin(deps, holder, { ...identity, sealed })
    const is_begun = await trail.commit({ action: 'key.totp.enrol', target: holder.key_id }, { decisive })
    if (!is_begun) return err(await whyNot(deps, holder))
    const uri = toOtpauthUri(secret, issuerOf(deps), `${holder.tenant_id ?? 'operator'}/${name}`)
    return ok({ secret, uri, qr_svg: toQrSvg(uri) })
  })
}

/** Inserts it, in place of one that is pending; not when the key is enrolled, or cannot be any more. */
function begin(
  deps: Deps,
  holder: Holder,
  { sealed, ...identity }: Pick<EnrolmentRow, 'tenant_id' | 'key_id' | 'sealed'>,
): Statement {
  const begun = { sealed, created_at: deps.now(), last_step: 0, failures: 0, locked_until: 0 }
  const row: EnrolmentRow = { ...identity, ...begun, confirmed_at: null }
  const values = Object.entries(getTableColumns(totpEnrolments)).map(([name, column]) =>
    sql.param(row[name as keyof EnrolmentRow], column),
  )
  return deps.db
    .insert(totpEnrolments)
    .select(sql`SELECT ${sql.join(values, sql`, `)} WHERE ${isEnrollable(deps, holder)}`)
    .onConflictDoUpdate({
      target: [totpEnrolments.tenant_id, totpEnrolments.key_id],
      set: begun,
      setWhere: isNull(totpEnrolments.confirmed_at),
    })
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
