import { addressOf } from '../http/caller.ts'
import type { AppContext } from '../http/context.ts'
import type { Actor } from './change-key.ts'

/** Who asks for a change of a key. */
export function actorOf(c: AppContext, confirm: 'true' | 'false' = 'false'): Actor {
  return { ...c.var.access.principal, address: addressOf(c), is_confirmed: confirm === 'true' }
}
