import { and, asc, eq, gt } from 'drizzle-orm'
import type { EndpointSettings } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { tenants } from '../tenants/table.ts'
import { toEndpointSettings } from './settings.ts'
import { callEndpoint } from './stub.ts'
import { endpoints } from './table.ts'

/** Endpoints told at once when a tenant changes. */
const PAGE = 50

/** When a push that failed is tried again, within the 30 s that a Worker has after its answer. */
const AGAIN_AFTER_MS = [1000, 5000, 15_000]

/**
 * Tells Endpoints what D1 says of them: one, or all of a tenant's. D1 is the truth, so a push that
 * fails fails nobody: it is tried again in the background, and an Endpoint that hears of a newer
 * version from a publish reads D1 itself.
 * @param parked what an Endpoint that this enables does with what it has parked
 * @throws what D1 throws
 */
export async function pushSettings(
  deps: Deps,
  tenant_id: string,
  endpoint_id?: string,
  parked?: 'deliver' | 'cancel',
): Promise<void> {
  const pushing = pushPages(deps, tenant_id, endpoint_id, parked)
  // A caller who hangs up must not leave half of the Endpoints untold.
  deps.waitUntil(pushing.catch(() => {}))
  await pushing
}

async function pushPages(deps: Deps, tenant_id: string, endpoint_id?: string, parked?: 'deliver' | 'cancel') {
  for (let after = ''; ; ) {
    const rows = await deps.db
      .select()
      .from(endpoints)
      .innerJoin(tenants, eq(tenants.id, endpoints.tenant_id))
      .where(
        and(
          eq(endpoints.tenant_id, tenant_id),
          endpoint_id === undefined ? gt(endpoints.id, after) : eq(endpoints.id, endpoint_id),
        ),
      )
      .orderBy(asc(endpoints.id))
      .limit(PAGE)
    await Promise.all(rows.map((row) => push(deps, toEndpointSettings(row.endpoints, row.tenants), parked)))
    const last = rows.at(-1)
    if (rows.length < PAGE || last === undefined) return
    after = last.endpoints.id
  }
}

async function push(deps: Deps, settings: EndpointSettings, parked: 'deliver' | 'cancel' | undefined): Promise<void> {
  if (!(await tryPush(deps, settings, parked))) deps.waitUntil(pushAgain(deps, settings, parked))
}

async function pushAgain(deps: Deps, settings: EndpointSettings, parked: 'deliver' | 'cancel' | undefined) {
  for (const delay_ms of AGAIN_AFTER_MS) {
    await scheduler.wait(delay_ms)
    if (await tryPush(deps, settings, parked)) return
  }
}

async function tryPush({ env }: Deps, settings: EndpointSettings, parked: 'deliver' | 'cancel' | undefined) {
  const { tenant_id, endpoint_id, version } = settings
  try {
    await callEndpoint(env, endpoint_id, (stub) => stub.configure(settings, parked))
    return true
  } catch (error) {
    const fields = { tenant_id, endpoint_id, version, error: String(error) }
    console.warn(JSON.stringify({ message: 'endpoint.push_failed', ...fields }))
    return false
  }
}
