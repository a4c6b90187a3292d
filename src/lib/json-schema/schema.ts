import type { Place, Run } from './run.ts'
import { Seen } from './seen.ts'

/** A keyword, ready to be applied. False when the value does not fit, which the run is told. */
export type Check = (value: unknown, place: Place | null, run: Run, seen: Seen | null) => boolean

/** A schema object or boolean, ready to be applied. */
export interface Schema {
  /** JSON Pointer within the document. */
  readonly pointer: string
  /** Whether `false`, which nothing fits. */
  readonly is_never: boolean
  readonly checks: Check[]
  /** `unevaluatedProperties` and `unevaluatedItems`, which look at what all others have seen. */
  readonly last: Check[]
  /** Those that are applied to the same value, and so must not lead back here. */
  readonly in_place: Link[]
}

/** A schema that may be found later: the target of a `$ref`. */
export interface Link {
  to: Schema
}

export function evaluate(schema: Schema, value: unknown, place: Place | null, run: Run, seen: Seen | null): boolean {
  if (schema.is_never) return run.fail(place, 'must not be there')
  run.enter()
  const own = schema.last.length > 0 ? new Seen() : seen
  let fits = true
  for (const check of schema.checks) {
    if (!check(value, place, run, own)) fits = false
    if (!fits && !run.wantsMore) break
  }
  if (fits) for (const check of schema.last) if (!check(value, place, run, own)) fits = false
  if (fits && own !== null && seen !== null && own !== seen) merge(seen, own, run)
  run.leave()
  return fits
}

/** Whether a value fits, where that it does not is no error in itself. What a schema that fails has seen does not count. */
export function fitsQuietly(schema: Schema, value: unknown, place: Place | null, run: Run, seen: Seen | null): boolean {
  const own = seen === null ? null : new Seen()
  const fits = run.ask(() => evaluate(schema, value, place, run, own))
  if (fits && seen !== null && own !== null) merge(seen, own, run)
  return fits
}

function merge(into: Seen, from: Seen, run: Run): void {
  run.charge(from.size)
  into.merge(from)
}
