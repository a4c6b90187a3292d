import type { Deps } from '../deps.ts'
import { ok } from '../lib/result.ts'
import { changeEndpoint } from './change-endpoint.ts'

/**
 * Enables an endpoint. What is to become of its parked deliveries is part of its settings, so that the
 * Endpoint hears of both at once, by whatever way the settings reach it.
 * @param parked deliver them with a slow start, or cancel them
 */
export function enableEndpoint(deps: Deps, tenant_id: string, id: string, parked: 'deliver' | 'cancel') {
  return changeEndpoint(deps, tenant_id, id, 'endpoint.enable', () => {
    const now = deps.now()
    const cancel_before = parked === 'cancel' ? now : undefined
    return ok({ disabled: null, disabled_at: null, enabled_at: now, cancel_before })
  })
}

/** Parks what is unfinished and what comes. One that is disabled already keeps its reason and time. */
export function disableEndpoint(deps: Deps, tenant_id: string, id: string) {
  return changeEndpoint(deps, tenant_id, id, 'endpoint.disable', ({ disabled, disabled_at }) =>
    ok({ disabled: disabled ?? 'manual', disabled_at: disabled_at ?? deps.now() }),
  )
}
