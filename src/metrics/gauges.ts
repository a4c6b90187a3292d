/** What is said of the gateway, and of how many tenants by name. */
import type { Gauge } from './exposition.ts'
import { COUNT_MAX, type GatewayNumbers, type TenantNumbers } from './read-gateway.ts'

/** Every further tenant is nine more series in Prometheus. */
export const TENANTS_NAMED_MAX = 100

/** The label of all the others together. No tenant has this id, which is no slug. */
export const OTHERS = '_other'

export interface Build {
  version: string
  environment: string
}

/** @param now Unix milliseconds: ages are of now, however old the numbers are */
export function toGauges({ tenants, tenants_total, ...numbers }: GatewayNumbers, build: Build, now: number): Gauge[] {
  const named = tenants.slice(0, TENANTS_NAMED_MAX)
  const others = tenants.slice(TENANTS_NAMED_MAX)
  const shown = others.length === 0 ? named : [...named, others.reduce(together, nothingOf(OTHERS))]
  const of = (value: (tenant: TenantNumbers) => number, labels = {}) =>
    shown.map((tenant) => ({ labels: { tenant: tenant.tenant_id, ...labels }, value: value(tenant) }))
  const alone = (value: number, labels = {}) => [{ labels, value }]
  return [
    {
      name: 'postern_build_info',
      help: 'Always 1: which version answers, in which environment',
      samples: alone(1, { version: build.version, environment: build.environment }),
    },
    {
      name: 'postern_read_timestamp_seconds',
      help: 'When the numbers below were read from the database',
      samples: alone(numbers.read_at / 1000),
    },
    {
      name: 'postern_count_limit',
      help: 'Deliveries and dead letters are counted no further than this, per tenant and state',
      samples: alone(COUNT_MAX),
    },
    {
      name: 'postern_tenants',
      help: 'Tenants: with series of their own, summed up as _other, and not looked at',
      samples: [
        ...alone(named.length, { series: 'own' }),
        ...alone(others.length, { series: 'other' }),
        ...alone(Math.max(0, tenants_total - tenants.length), { series: 'none' }),
      ],
    },
    {
      name: 'postern_deliveries',
      help: 'Deliveries that wait for a retry, died or were cancelled, as the read model has them',
      samples: [
        ...of(({ waiting }) => waiting, { state: 'waiting' }),
        ...of(({ dead }) => dead, { state: 'dead' }),
        ...of(({ cancelled }) => cancelled, { state: 'cancelled' }),
      ],
    },
    {
      name: 'postern_oldest_waiting_age_seconds',
      help: 'How long ago the oldest delivery was accepted that waits for a retry; 0 when none does',
      samples: of(({ oldest_waiting_at: at }) => (at === null ? 0 : Math.max(0, now - at) / 1000)),
    },
    {
      name: 'postern_dead_letters',
      help: 'Dead letters that nobody has redriven or deleted',
      samples: of(({ dead_letters }) => dead_letters),
    },
    {
      name: 'postern_internal_dead_letters',
      help: 'Queue messages that Postern itself could not process',
      samples: alone(numbers.internal_dead_letters),
    },
    { name: 'postern_endpoints', help: 'Endpoints', samples: of(({ endpoints }) => endpoints) },
    {
      name: 'postern_endpoints_disabled',
      help: 'Endpoints that are disabled, by whomever',
      samples: of(({ endpoints_disabled }) => endpoints_disabled),
    },
    {
      name: 'postern_sources_failing',
      help: 'Sources that have not believed ten requests or more within five minutes',
      samples: of(({ sources_failing }) => sources_failing),
    },
  ]
}

function nothingOf(tenant_id: string): TenantNumbers {
  return {
    tenant_id,
    waiting: 0,
    dead: 0,
    cancelled: 0,
    oldest_waiting_at: null,
    dead_letters: 0,
    endpoints: 0,
    endpoints_disabled: 0,
    sources_failing: 0,
  }
}

function together(sum: TenantNumbers, more: TenantNumbers): TenantNumbers {
  const [older = null] = [sum.oldest_waiting_at, more.oldest_waiting_at]
    .filter((at) => at !== null)
    .sort((a, b) => a - b)
  return {
    tenant_id: sum.tenant_id,
    waiting: sum.waiting + more.waiting,
    dead: sum.dead + more.dead,
    cancelled: sum.cancelled + more.cancelled,
    oldest_waiting_at: older,
    dead_letters: sum.dead_letters + more.dead_letters,
    endpoints: sum.endpoints + more.endpoints,
    endpoints_disabled: sum.endpoints_disabled + more.endpoints_disabled,
    sources_failing: sum.sources_failing + more.sources_failing,
  }
}
