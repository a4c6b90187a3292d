import { and, eq, exists, isNotNull, type SQL, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import type { Owner } from '../keys/find-key.ts'
import { apiKeys } from '../keys/table.ts'
import { unseal } from '../lib/keyring.ts'
import { err, type Result } from '../lib/result.ts'
import { report } from '../report.ts'
import { type EnrolmentRow, totpEnrolments } from './table.ts'

/** A key, and whose it is. */
export interface Holder {
  /** Null for an operator key. */
  tenant_id: Owner
  key_id: string
}

/** The enrolment that counts for a key: its own, or the one that rotations handed on. */
export function findEnrolment({ db }: Pick<Deps, 'db'>, holder: Holder): Promise<EnrolmentRow | undefined> {
  return db.select().from(totpEnrolments).where(isOf(holder)).get()
}

/** Holds while a key is enrolled. */
export function isConfirmed({ db }: Pick<Deps, 'db'>, holder: Holder): SQL {
  const confirmed = db
    .select({ one: sql`1` })
    .from(totpEnrolments)
    .where(and(isOf(holder), isNotNull(totpEnrolments.confirmed_at)))
  return exists(confirmed)
}

function isOf({ tenant_id, key_id }: Holder): SQL | undefined {
  const inherited = sql`(SELECT ${apiKeys.enrolment_of} FROM ${apiKeys} WHERE ${apiKeys.id} = ${key_id})`
  return and(
    eq(totpEnrolments.tenant_id, tenant_id ?? ''),
    eq(totpEnrolments.key_id, sql`COALESCE(${inherited}, ${key_id})`),
  )
}

/** This very enrolment, with the secret that was looked at. */
export function isSame({ tenant_id, key_id, sealed }: EnrolmentRow): SQL | undefined {
  return and(
    eq(totpEnrolments.tenant_id, tenant_id),
    eq(totpEnrolments.key_id, key_id),
    eq(totpEnrolments.sealed, sealed),
  )
}

/** Associated data of the encryption: a sealed secret that is copied to another key does not open there. */
export function totpContext({ tenant_id, key_id }: Pick<EnrolmentRow, 'tenant_id' | 'key_id'>): string {
  return `totp/${tenant_id}/${key_id}`
}

/** Decrypts the secret; refused when its master key is gone. */
export async function openTotpSecret(deps: Deps, row: EnrolmentRow): Promise<Result<string, Problem>> {
  const secret = await unseal(deps.settings.keyring, row.sealed, totpContext(row))
  if (secret.ok) return secret
  report(deps, 'secret.unsealable', new Error(secret.error), { tenant_id: row.tenant_id, key_id: row.key_id })
  return err(
    problem(
      'secret_unsealable',
      `no key of MASTER_KEYS opens it (${secret.error}): the operator has to put the key back`,
    ),
  )
}
