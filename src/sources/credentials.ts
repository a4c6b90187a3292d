/** What a source verifies with: sealed where it is stored, opened where a request comes in. */
import type { Deps } from '../deps.ts'
import { seal, unseal } from '../lib/keyring.ts'
import { Outage } from '../lib/outage.ts'
import { report } from '../report.ts'
import { liveSecrets } from '../signatures/sealed-secret.ts'
import { PROVIDERS } from './providers.ts'
import type { SealedCredentials, sources } from './table.ts'

type Owner = Pick<typeof sources.$inferSelect, 'tenant_id' | 'id'>

/** Opened ones by owner and sealed text, so that a busy source decrypts them once per isolate. */
const opened = new Map<string, unknown>()
const OPENED_MAX = 1000

/** Associated data of the encryption: sealed credentials that are copied to another source do not open there. */
export function credentialsContext({ tenant_id, id }: Owner): string {
  return `${tenant_id}/${id}/credentials`
}

/** @param credentials as the provider's schema let them through */
export async function sealCredentials(
  { settings, now }: Pick<Deps, 'settings' | 'now'>,
  owner: Owner,
  credentials: unknown,
): Promise<SealedCredentials> {
  const sealed = await seal(settings.keyring, JSON.stringify(credentials), credentialsContext(owner))
  return { sealed, created_at: now(), expires_at: null }
}

/** Whether sources of a provider have something to verify with that has to be kept. */
export function needsCredentials(provider: keyof typeof PROVIDERS): boolean {
  return Object.keys(PROVIDERS[provider].credentials.shape).length > 0
}

/**
 * All credentials that are good at this moment, the current ones first; none when nobody gave any yet.
 * @throws Outage when they cannot be opened: whoever sends may come again once the master key is back
 */
export async function liveCredentials(
  deps: Deps,
  source: Pick<typeof sources.$inferSelect, 'tenant_id' | 'id' | 'provider' | 'credentials'>,
  now: number,
): Promise<unknown[]> {
  // What is verified by a certificate alone is verified by it as often as by any secret.
  if (!needsCredentials(source.provider)) return [{}]
  const live = liveSecrets(source.credentials, now)
  const open: unknown[] = []
  for (const { sealed } of live) {
    const credentials = await openSealed(deps, source, sealed)
    if (credentials !== null) open.push(credentials)
  }
  if (live.length > 0 && open.length === 0) throw new Outage('the credentials of a source cannot be decrypted')
  return open
}

async function openSealed(deps: Deps, owner: Owner, sealed: string): Promise<unknown> {
  const name = `${credentialsContext(owner)}/${sealed}`
  const known = opened.get(name)
  if (known !== undefined) return known
  const text = await unseal(deps.settings.keyring, sealed, credentialsContext(owner))
  if (!text.ok) {
    const { tenant_id, id: source_id } = owner
    report(deps, 'source.credentials_unsealable', new Error(text.error), { tenant_id, source_id })
    return null
  }
  const credentials: unknown = JSON.parse(text.value)
  if (opened.size >= OPENED_MAX) opened.clear()
  opened.set(name, credentials)
  return credentials
}

/** Whether there is anything that its provider could be believed by. */
export function hasCredentials(
  { provider, credentials }: Pick<typeof sources.$inferSelect, 'provider' | 'credentials'>,
  now: number,
): boolean {
  return !needsCredentials(provider) || liveSecrets(credentials, now).length > 0
}

/** When none but the current credentials are believed any more; null when that is so already. */
export function overlapEnd(credentials: readonly SealedCredentials[], now: number): number | null {
  const ends = liveSecrets(credentials, now).flatMap(({ expires_at }) => expires_at ?? [])
  return ends.length === 0 ? null : Math.max(...ends)
}
