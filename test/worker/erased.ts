/** Erasures, from the request to the receipt. */
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import { hashSubject } from '../../src/subjects/subject.ts'
import { eventually, type Json, runCron, skip, type TenantHandle } from './harness.ts'

const MINUTE_MS = 60 * 1000

/** A subject and a text that nobody else has. */
export function someone(): { subject: string; secret: string } {
  const id = crypto.randomUUID().slice(0, 8)
  return { subject: `cus_${id}`, secret: `planted-${id}` }
}

/** Asks for an erasure; answers it as it began. */
export async function erasing(tenant: TenantHandle, subject: string): Promise<Json> {
  const { status, body } = await tenant.call('POST', '/erasures', { body: { subject } })
  expect(status, JSON.stringify(body)).toBe(202)
  return body
}

export async function erasureOf(tenant: TenantHandle, { id }: Json): Promise<Json> {
  return (await tenant.call('GET', `/erasures/${id}`)).body
}

/** Waits until the pass that begins at once is over. */
export function firstPassOver(tenant: TenantHandle, erasure: Json): Promise<true> {
  const { requested_at } = erasure
  return eventually('the first pass to be over', async () => {
    const row = await progressOf(tenant, erasure)
    return row.run_after >= Date.parse(requested_at) && row.began_at > Date.parse(requested_at)
  })
}

/** The job's own state. */
export async function progressOf(
  { id }: TenantHandle,
  erasure: Json,
): Promise<{ run_after: number; began_at: number }> {
  const row = await env.DB.prepare('SELECT run_after, progress FROM erasures WHERE tenant_id = ? AND id = ?')
    .bind(id, erasure.id)
    .first<{ run_after: number; progress: string }>()
  return { run_after: row?.run_after ?? 0, began_at: JSON.parse(row?.progress ?? '{}').began_at }
}

/** Lets the cron come when all has arrived; answers the erasure as it is then. */
export async function laterPass(tenant: TenantHandle, erasure: Json): Promise<Json> {
  skip(15 * MINUTE_MS)
  await runCron('erasures.run')
  return erasureOf(tenant, erasure)
}

/** From the request to the receipt. */
export async function erased(tenant: TenantHandle, subject: string): Promise<Json> {
  const erasure = await erasing(tenant, subject)
  await firstPassOver(tenant, erasure)
  const done = await laterPass(tenant, erasure)
  expect(done.state).toBe('completed')
  expect(done.subject_hash).toBe(await hashSubject(tenant.id, subject))
  return done
}
