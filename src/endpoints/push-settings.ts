/**
 * Tells Endpoints what D1 says of them. D1 is the truth, so a push that fails fails nobody: it is made
 * again in the background, and an Endpoint that hears of a newer version from a publish reads D1 itself.
 */
import { and, asc, eq, gt } from 'drizzle-orm'
import type { EndpointSettings } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import type { Bindings } from '../env.ts'
import { type Reporting, report } from '../report.ts'
import { callLanes } from './call-lanes.ts'
import { everyLane, objectName } from './lanes.ts'
import { loadEndpointSettings, selectTenant, toEndpointSettings } from './settings.ts'
import { tellEndpoint } from './stub.ts'
import { endpoints } from './table.ts'

/** Endpoints told at once when a tenant changes. */
const PAGE = 50

/**
 * One endpoint's.
 * @throws what D1 throws
 */
export async function pushEndpoint(deps: Deps, tenant_id: string, endpoint_id: string): Promise<void> {
  await finish(deps, async () => {
    const settings = await loadEndpointSettings(deps.env.DB, tenant_id, endpoint_id)
    if (settings !== null) await pushSettings(deps, settings)
  })
}

/**
 * All of a tenant's.
 * @throws what D1 throws
 */
export async function pushTenant(deps: Deps, tenant_id: string): Promise<void> {
  await finish(deps, async () => {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const [rows, [tenant], retained] = await readPage(deps.db, tenant_id, after)
      if (tenant === undefined) return
      await Promise.all(rows.map((row) => pushSettings(deps, toEndpointSettings(row, tenant, retained))))
      after = rows.length < PAGE ? undefined : rows.at(-1)?.id
    }
  })
}

/** As they are at one moment. */
function readPage(db: Deps['db'], tenant_id: string, after: string) {
  return db.batch([
    db
      .select()
      .from(endpoints)
      .where(and(eq(endpoints.tenant_id, tenant_id), gt(endpoints.id, after)))
      .orderBy(asc(endpoints.id))
      .limit(PAGE),
    ...selectTenant(db, tenant_id),
  ])
}

/**
 * To every lane.
 * @param except the lane that knows already
 */
export async function pushSettings(
  deps: Reporting & { env: Pick<Bindings, 'ENDPOINT'> },
  settings: EndpointSettings,
  except?: number,
): Promise<void> {
  const lanes = everyLane(settings.layout).filter((lane) => lane !== except)
  await Promise.all(
    lanes.map((lane) =>
      tellEndpoint(deps, objectName(settings.endpoint_id, lane), 'endpoint.push_failed', (stub) =>
        stub.configure(settings),
      ),
    ),
  )
}

/** Tells every lane now, and says whether each of them knows these settings, or newer ones, from here on. */
export async function confirmSettings(deps: Deps, settings: EndpointSettings): Promise<boolean> {
  const { tenant_id, endpoint_id } = settings
  try {
    await callLanes(deps.env, settings, (stub) => stub.configure(settings))
    return true
  } catch (error) {
    report(deps, 'endpoint.push_failed', error, { tenant_id, endpoint_id })
    return false
  }
}

/** A caller who hangs up must not leave half of the Endpoints untold. */
async function finish(deps: Deps, push: () => Promise<void>): Promise<void> {
  const pushing = push()
  deps.waitUntil(pushing.catch(() => {}))
  await pushing
}
