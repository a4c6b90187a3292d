import type { DeliveryState } from '../../durable-objects/endpoint/rpc.ts'
import { record } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { getEventType } from '../event-types/event-types.ts'
import { generateExample } from '../event-types/example.ts'
import type { Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { deliveredBody, identify, toEnqueueItem, traced } from '../messages/message.ts'
import { enqueue } from './enqueue.ts'
import { findEndpoint, NO_ENDPOINT } from './find-endpoint.ts'
import { settingsVersion } from './settings.ts'

export interface TestDelivery {
  message_id: string
  endpoint_id: string
  state: DeliveryState
}

/** Sends a sample message to one endpoint, whatever it subscribes to: the example of its type, or one that fits its schema. */
export async function testEndpoint(
  deps: Deps,
  tenant: Tenant,
  endpoint_id: string,
  event_type: string,
): Promise<Result<TestDelivery, Problem>> {
  const endpoint = await findEndpoint(deps, tenant.id, endpoint_id)
  if (!endpoint.ok) return endpoint
  const data = await sampleOf(deps, tenant.id, event_type, { test: true, endpoint_id })
  if (!data.ok) return data
  const draft = {
    event_type,
    content: { format: 'event' as const, data: data.value },
    channels: [],
    ordering_key: null,
    subject: null,
    idempotency_key: null,
    headers: {},
    event: null,
  }
  const message = await identify(tenant.id, traced(draft, deps.trace), deps.now(), deps.random)
  if (!message.ok) throw new Error('only a key can be invalid, and there is none')
  const item = toEnqueueItem(message.value, { inline: deliveredBody(message.value) }, 'test')
  const settings_version = settingsVersion(endpoint.value, tenant)
  const destination = { tenant_id: tenant.id, endpoint_id, settings_version, layout: endpoint.value.layout }
  const after = { event_type, message_id: message.value.id }
  const noted = await record(deps, tenant.id, { action: 'endpoint.test', target: endpoint_id, after })
  if (!noted.ok) return noted
  const [result] = await enqueue(deps, destination, [{ item, may_be_known: false }])
  switch (result?.outcome) {
    case 'accepted':
    case 'duplicate': // The call was repeated, and its first answer was lost.
      return ok({ message_id: message.value.id, endpoint_id, state: result.state })
    case 'full':
      return err(problem('endpoint_full', 'it holds as many unfinished deliveries as it may'))
    case 'gone':
      return err(NO_ENDPOINT)
    case 'missing':
      return err(problem('unavailable', 'the endpoint does not answer', { headers: { 'retry-after': '5' } }))
    default:
      throw new Error(`a new message cannot be ${result?.outcome}`)
  }
}

/** @param plain for a type that says nothing about its data */
async function sampleOf(
  deps: Deps,
  tenant_id: string,
  event_type: string,
  plain: unknown,
): Promise<Result<unknown, Problem>> {
  const type = await getEventType(deps, tenant_id, event_type)
  if (!type.ok) return ok(plain)
  const { row, schema } = type.value
  if (row.archived_at !== null) return err(problem('event_type_archived', `the event type ${event_type} is archived`))
  if (row.example !== null) return ok(JSON.parse(row.example))
  if (schema === null) return ok(plain)
  const generated = generateExample(schema)
  if (generated !== undefined) return ok(generated.value)
  return err(problem('example_missing', `none could be made from the schema: give ${event_type} an \`example\``))
}
