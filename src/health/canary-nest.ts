/**
 * What the canary flies from and to: a tenant that is Postern's own, with one endpoint. They are rows like any other, so
 * that master keys, retention and Endpoints need to know nothing of a canary.
 */
import { and, eq } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { ONE_LANE } from '../endpoints/lanes.ts'
import { makeSecret, sealSecret } from '../endpoints/secrets.ts'
import { type EndpointRow, settingsVersion } from '../endpoints/settings.ts'
import { endpoints } from '../endpoints/table.ts'
import type { TenantConfiguration } from '../http/access.ts'
import { CANARY_TENANT } from '../lib/reserved-tenant.ts'
import { upkeep } from '../retention/table.ts'
import { tenants } from '../tenants/table.ts'
import type { Flight } from './flight.ts'

/** The same in every deployment, so that two first flights at once make one endpoint. */
export const CANARY_ENDPOINT = 'ep_00000000000000000000CANARY'

/** Less than a minute, so that a flight has ended before the next one begins. */
const TIMEOUT_MS = 10_000
/** Of flights that do not arrive, so many may be on their way. */
const UNFINISHED_MAX = 100

type TenantRow = typeof tenants.$inferSelect

interface Nest {
  tenant: TenantRow
  endpoint: EndpointRow
}

/** What a flight begins with. */
export interface Beginning {
  access: TenantConfiguration
  /** What became of the last one; null before the first. */
  last: Flight | null
}

/**
 * The canary's tenant and endpoint, made or mended if need be.
 * @param url of the echo route
 * @throws what D1 throws
 */
export async function prepareNest(deps: Deps, url: string): Promise<Beginning> {
  const known = await read(deps)
  const is_good = known.nest !== null && known.nest.endpoint.url === url && known.nest.endpoint.disabled === null
  if (!is_good) await build(deps, url)
  const { nest, last } = is_good ? known : await read(deps)
  if (nest === null) throw new Error('the canary has no tenant, though it was just made')
  return { access: toAccess(nest), last }
}

/** The canary's endpoint, with the secret that its messages are signed with; null before the first flight. */
export async function findNestEndpoint({ db }: Pick<Deps, 'db'>): Promise<EndpointRow | null> {
  return (await selectEndpoint(db).get()) ?? null
}

async function read({ db }: Pick<Deps, 'db'>): Promise<{ nest: Nest | null; last: Flight | null }> {
  const [[tenant], [endpoint], [row]] = await db.batch([
    db.select().from(tenants).where(eq(tenants.id, CANARY_TENANT)),
    selectEndpoint(db),
    db.select().from(upkeep).where(eq(upkeep.job, 'canary')),
  ])
  const nest = tenant === undefined || endpoint === undefined ? null : { tenant, endpoint }
  return { nest, last: row === undefined ? null : (row.progress as Flight) }
}

function selectEndpoint(db: Deps['db']) {
  return db
    .select()
    .from(endpoints)
    .where(and(eq(endpoints.tenant_id, CANARY_TENANT), eq(endpoints.id, CANARY_ENDPOINT)))
}

/** Without audit entries: nobody decides this, and it grants nothing. */
async function build(deps: Deps, url: string): Promise<void> {
  const { db } = deps
  const now = deps.now()
  const tenant = newTenant(now)
  const endpoint = await newEndpoint(deps, url, now)
  const mended = {
    url,
    version: endpoint.version,
    disabled: null,
    disabled_at: null,
    enabled_at: now,
    // Flights of before would only arrive late.
    cancel_before: now,
    updated_at: now,
  }
  await db.batch([
    db.insert(tenants).values(tenant).onConflictDoNothing(),
    db
      .insert(endpoints)
      .values(endpoint)
      .onConflictDoUpdate({ target: [endpoints.tenant_id, endpoints.id], set: mended }),
  ])
}

function newTenant(now: number): TenantRow {
  return {
    id: CANARY_TENANT,
    name: 'The canary of this deployment',
    version: 1,
    limits: { unfinished_per_endpoint: UNFINISHED_MAX },
    disable_after_days: 30,
    // Nothing of a flight is of interest for longer, so a day's are all that there ever is.
    retention_days: 1,
    audit_retention_days: 30,
    unknown_event_types: 'accept',
    step_up: 'enrolled',
    own_step_up: 'enrolled',
    redact: [],
    created_at: now,
    updated_at: now,
  }
}

async function newEndpoint(deps: Deps, url: string, now: number): Promise<EndpointRow> {
  const secret = await makeSecret(deps, { kind: undefined, own: undefined }, 'hmac')
  if (!secret.ok) throw new Error('a secret of our own choice is never refused')
  return {
    tenant_id: CANARY_TENANT,
    id: CANARY_ENDPOINT,
    // Of a clock, because it has to grow with a change and this does not know the one before.
    version: now,
    url,
    description: '',
    disabled: null,
    disabled_at: null,
    enabled_at: null,
    cancel_before: null,
    event_types: ['*'],
    channels: null,
    headers: {},
    timeout_ms: TIMEOUT_MS,
    // One attempt: a flight that needed a second one is a failure that should be seen.
    retry_delays_s: [],
    max_in_flight: 4,
    rate_limit_per_s: null,
    ordering: 'none',
    layout: ONE_LANE,
    filter: null,
    transform: null,
    secrets: [await sealSecret(deps, CANARY_TENANT, CANARY_ENDPOINT, secret.value)],
    created_at: now,
    updated_at: now,
  }
}

function toAccess({ tenant, endpoint }: Nest): TenantConfiguration {
  const { event_types, channels, filter, ordering, layout } = endpoint
  const settings_version = settingsVersion(endpoint, tenant)
  return {
    tenant,
    subscriptions: [{ endpoint_id: endpoint.id, settings_version, event_types, channels, filter, ordering, layout }],
    catalogue: new Map(),
  }
}
