import type { Deps } from '../deps.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
export async function limitSource(_deps: Deps, _source: unknown): Promise<Result<void, Problem>> {
  return ok(undefined)
}
