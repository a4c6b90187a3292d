import type { Settings } from '../env.ts'
import { type Problem, problem } from '../http/problems.ts'
import { compileExpression } from '../lib/expression.ts'
import { checkPublicUrl } from '../lib/public-url.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { EndpointChange } from './contract.ts'

type Checked = Pick<EndpointChange, 'url' | 'filter' | 'transform'>

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
