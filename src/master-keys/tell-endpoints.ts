import { and, asc, eq, gt, inArray, isNotNull, or } from 'drizzle-orm'
import type { EndpointSettings } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { everyLane } from '../endpoints/lanes.ts'
import { confirmSettings } from '../endpoints/push-settings.ts'
import { loadEndpointSettings, toEndpointSettings } from '../endpoints/settings.ts'
import { endpoints } from '../endpoints/table.ts'
import { eventTypes } from '../event-types/table.ts'
import type { Run } from '../retention/run.ts'
import { tenants } from '../tenants/table.ts'
import type { HeldRotation } from './held-rotation.ts'
import type { Place } from './rotation.ts'

const ENDPOINTS_PER_PAGE = 50
const TOLD_AT_ONCE = 10
/** More than these are no Endpoint's fault: then it waits for a better hour. */
const UNTOLD_MAX = 500

/**
 * Gives every Endpoint what D1 says, and has each say that it has it: until then it may hold, and need, a secret that is
 * sealed under the former key. One that does not answer is asked again by the next run.
 * @returns whether all of them have it
 */
export async function tellEndpoints(deps: Deps, run: Run, held: HeldRotation): Promise<boolean> {
  return (await tellAgain(deps, run, held)) && (await tellOn(deps, run, held)) && held.rotation.untold.length === 0
}

/** Those that did not answer an earlier run. False when this one has to end. */
async function tellAgain(deps: Deps, run: Run, held: HeldRotation): Promise<boolean> {
  const { untold } = held.rotation
  if (untold.length === 0) return true
  const still: Place[] = []
  for (const [i, place] of untold.entries()) {
    const settings = run.take() ? await loadEndpointSettings(deps.env.DB, place[0] ?? '', place[1] ?? '') : undefined
    if (settings === undefined || (settings !== null && !run.take(lanesOf(settings)))) {
      still.push(...untold.slice(i))
      break
    }
    if (settings !== null && !(await confirm(deps, run, settings))) still.push(place)
  }
  return (await keepTold(held, held.rotation.told_after, still)) && !run.is_cut_off
}

/** All others, from where the run before stopped. False when this one has to end. */
async function tellOn(deps: Deps, run: Run, held: HeldRotation): Promise<boolean> {
  while (run.take(2)) {
    const page = await nextEndpoints(deps, held.rotation.told_after)
    for (let i = 0; i < page.length; i += TOLD_AT_ONCE) {
      const some = page.slice(i, i + TOLD_AT_ONCE)
      const { told_after, untold } = held.rotation
      if (!run.take(some.reduce((sum, settings) => sum + lanesOf(settings), 0))) return false
      const has_heard = await Promise.all(some.map((settings) => confirm(deps, run, settings)))
      const silent = some.filter((_, n) => has_heard[n] === false).map(placeOf)
      const last = some.at(-1)
      const after = last === undefined ? told_after : placeOf(last)
      if (!(await keepTold(held, after, [...untold, ...silent])) || untold.length + silent.length > UNTOLD_MAX)
        return false
    }
    if (page.length < ENDPOINTS_PER_PAGE) return true
  }
  return false
}

/** As they are at one moment, with what of their tenants goes into their settings. */
async function nextEndpoints({ db }: Deps, [tenant_id = '', id = '']: Place): Promise<EndpointSettings[]> {
  const is_behind = or(
    gt(endpoints.tenant_id, tenant_id),
    and(eq(endpoints.tenant_id, tenant_id), gt(endpoints.id, id)),
  )
  const order = [asc(endpoints.tenant_id), asc(endpoints.id)]
  const owners = db
    .select({ tenant_id: endpoints.tenant_id })
    .from(endpoints)
    .where(is_behind)
    .orderBy(...order)
    .limit(ENDPOINTS_PER_PAGE)
  const [page, of_page, types] = await db.batch([
    db
      .select()
      .from(endpoints)
      .where(is_behind)
      .orderBy(...order)
      .limit(ENDPOINTS_PER_PAGE),
    db.select().from(tenants).where(inArray(tenants.id, owners)),
    db
      .select({ tenant_id: eventTypes.tenant_id, name: eventTypes.name, retention_days: eventTypes.retention_days })
      .from(eventTypes)
      .where(and(inArray(eventTypes.tenant_id, owners), isNotNull(eventTypes.retention_days)))
      .orderBy(asc(eventTypes.name)),
  ])
  const retained = Map.groupBy(types, (type) => type.tenant_id)
  return page.flatMap((endpoint) => {
    const tenant = of_page.find(({ id }) => id === endpoint.tenant_id)
    return tenant === undefined ? [] : [toEndpointSettings(endpoint, tenant, retained.get(tenant.id) ?? [])]
  })
}

async function confirm(deps: Deps, run: Run, settings: EndpointSettings): Promise<boolean> {
  const has_heard = await confirmSettings(deps, settings)
  run.count(has_heard ? 'told' : 'untold', 1)
  return has_heard
}

async function keepTold(held: HeldRotation, told_after: Place, untold: readonly Place[]): Promise<boolean> {
  return (await held.keep({ ...held.rotation, told_after, untold })) !== null
}

function lanesOf({ layout }: EndpointSettings): number {
  return everyLane(layout).length
}

function placeOf({ tenant_id, endpoint_id }: EndpointSettings): Place {
  return [tenant_id, endpoint_id]
}
