/** What one key may do about another: whoever could hand out more than it holds would hold it. */
import { type Grant, type Permission, permissionsOf, type Role } from '../http/permissions.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'

/** Scopes only ever leave less of a role. */
export function checkScopes(role: Role, scopes: readonly Permission[] | null): Result<void, Problem> {
  const of_role = new Set(permissionsOf({ role, scopes: null }))
  const beyond = (scopes ?? []).filter((scope) => !of_role.has(scope))
  if (beyond.length === 0) return ok(undefined)
  const message = `the role ${role} does not hold ${beyond.join(', ')}`
  return err(problem('invalid_request', `scopes: ${message}`, { errors: [{ path: 'scopes', message }] }))
}

/** A key with scopes makes, changes and rotates only keys that may do no more than it may itself. */
export function checkReach(actor: Grant, target: Grant): Result<void, Problem> {
  if (actor.scopes === null) return ok(undefined)
  const held = new Set(permissionsOf(actor))
  const beyond = permissionsOf(target).filter((permission) => !held.has(permission))
  if (beyond.length === 0) return ok(undefined)
  return err(problem('forbidden', `that key would hold what this one does not: ${beyond.join(', ')}`))
}
