import type { Deps } from '../deps.ts'
export function noteFailure(_deps: Deps, _source: { tenant_id: string; id: string }, failure: unknown): void {
  console.log(failure)
}
