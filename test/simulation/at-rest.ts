/** What must be true when all has healed and nothing is left to do. */
import type { Platform } from './platform.ts'
import { isFinished } from './rows.ts'
import { Violation } from './world.ts'

export function checkAtRest({ endpoint, database, publisher, receivers }: Platform): void {
  publisher.checkCustody()
  const { rows } = endpoint.disk
  const { state } = endpoint
  if (state.in_flight.size > 0) throw new Violation('at rest something is in flight')
  if (state.unfinished !== 0) throw new Violation('at rest something counts as unfinished')
  for (const row of rows.all()) {
    if (!isFinished(row)) throw new Violation(`at rest a delivery is ${row.state}`)
    if (row.erased_at !== null && row.order_key !== null) throw new Violation('what was erased kept its ordering key')
    if (row.erased_at === null && endpoint.disk.meta.erased.has(row.message)) throw new Violation('it was to be erased')
    if (row.state === 'succeeded' && !receivers.accepted.has(row.message)) {
      throw new Violation('a delivery succeeded that no receiver accepted')
    }
    // Accepted once more after its retention had ended: it counts its revisions anew, and the read model keeps the old.
    if (endpoint.expired.has(row.message)) continue
    const projected = database.projected(row)
    if (projected === undefined) throw new Violation('the read model lacks a delivery')
    if (projected.erased_at !== row.erased_at) throw new Violation('the read model does not know what was erased')
    if (projected.revision !== row.revision || projected.state !== row.state) {
      throw new Violation(`the read model says ${projected.state} of a delivery that is ${row.state}`)
    }
    const deaths = database.dead_letters.get(row.message)
    if (row.state === 'dead' && deaths === undefined) throw new Violation('a used-up delivery has no dead letter')
  }
  for (const message of database.dead_letters.keys()) {
    if (!endpoint.deaths.has(message)) throw new Violation('there is a dead letter of a delivery that never died')
  }
}
