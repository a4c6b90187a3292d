import type { Settings } from '../env.ts'
import { type Problem, problem } from '../http/problems.ts'
import { compileExpression } from '../lib/expression.ts'
import { checkPublicUrl } from '../lib/public-url.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { EndpointChange, NewEndpoint } from './contract.ts'
import { IN_FLIGHT_PER_LANE_MAX } from './lanes.ts'

type Checked = Pick<EndpointChange, 'url' | 'filter' | 'transform'>

/** Members that only fit together. */
export type Spread = Pick<NewEndpoint, 'lanes' | 'ordering' | 'max_in_flight'>

/** Checks that an endpoint's lanes fit its other settings. */
export function checkSpread({ lanes, ordering, max_in_flight }: Spread): Result<void, Problem> {
  if (lanes > 1 && ordering === 'fifo')
    return refuse('lanes', 'must be 1 with `ordering: fifo`: several cannot keep one order')
  if (lanes > max_in_flight)
    return refuse(
      'lanes',
      `must be at most \`max_in_flight\`, which is ${max_in_flight}: each needs an attempt of its own`,
    )
  const most = lanes * IN_FLIGHT_PER_LANE_MAX
  if (max_in_flight > most)
    return refuse('max_in_flight', `must be at most ${most}, which is 100 for each of \`lanes\``)
  return ok(undefined)
}

function refuse(path: string, message: string): Result<never, Problem> {
  return err(problem('invalid_request', `${path}: ${message}`, { errors: [{ path, message }] }))
}

/** Checks what a schema cannot: where the URL leads, and that expressions compile. The URL comes out as it will be called. */
export function checkFields<F extends Checked>(settings: Settings, fields: F): Result<F, Problem> {
  for (const name of ['filter', 'transform'] as const) {
    const source = fields[name]
    if (source === undefined || source === null) continue
    const compiled = compileExpression(source)
    if (compiled.ok) continue
    const { message, position } = compiled.error
    return err(
      problem('invalid_expression', `${name}: ${message}`, { errors: [{ path: name, message }], extra: { position } }),
    )
  }
  if (fields.url === undefined) return ok(fields)
  const policy = { allow_private: settings.allow_private_endpoints, ports: settings.endpoint_ports }
  const url = checkPublicUrl(fields.url, policy)
  if (url.ok) return ok({ ...fields, url: url.value.href })
  const { reason, message } = url.error
  return err(problem('url_refused', message, { errors: [{ path: 'url', message }], extra: { reason } }))
}
