import type { Refusal } from './refusal.ts'

/** Requests of one source and minute that were not believed for the same reason, from the same address. */
export interface FailureGroup {
  tenant_id: string
  source_id: string
  /** Unix milliseconds at its beginning. */
  minute: number
  reason: Refusal
  /** Empty when it is not known, or one of too many. */
  address: string
  count: number
  last_at: number
  /** Of the last one. */
  header_names: string[]
}

/** A request that was not believed. */
export type Failure = Omit<FailureGroup, 'minute' | 'count' | 'last_at'> & { at: number }

const MINUTE_MS = 60_000

/** Of a source in a minute; a forger with a whole network at hand makes no more rows than that. */
const ADDRESSES_MAX = 10

/** One value of D1 holds 2 MB, and a group takes some 3 KB at worst. From here on addresses are left out … */
const GROUPS_MAX = 200
/** … and from here on failures that no group is there for. */
const GROUPS_MAX_AT_ALL = 400

/** Beginning of the minute that this lies in. */
export function minuteOf(at: number): number {
  return Math.floor(at / MINUTE_MS) * MINUTE_MS
}

/** What was noted and is not written yet. However much is noted, it does not grow beyond bounds. */
export class GatheredFailures {
  private groups = new Map<string, FailureGroup>()
  /** Addresses named so far, of the sources that had failures in the newest minute. */
  private addresses = new Map<string, Set<string>>()
  private newest_minute = 0
  /** Failures that there was no room for. */
  private lost = 0

  add({ at, ...failure }: Failure): void {
    const minute = minuteOf(at)
    this.put({ ...failure, minute, address: this.admit(failure, minute), count: 1, last_at: at })
  }

  /** Hands everything out, and begins anew. */
  take(): { groups: FailureGroup[]; lost: number } {
    const taken = { groups: [...this.groups.values()], lost: this.lost }
    this.groups = new Map()
    this.lost = 0
    return taken
  }

  /** Takes back what could not be written. */
  giveBack({ groups, lost }: { groups: readonly FailureGroup[]; lost: number }): void {
    this.lost += lost
    for (const group of groups) this.put(group)
  }

  /** The address, while its source has named few in this minute. */
  private admit({ source_id, address }: Pick<Failure, 'source_id' | 'address'>, minute: number): string {
    if (minute !== this.newest_minute) this.addresses = new Map()
    this.newest_minute = minute
    const named = this.addresses.get(source_id) ?? new Set()
    if (named.has(address)) return address
    if (named.size >= ADDRESSES_MAX || this.addresses.size >= GROUPS_MAX) return ''
    this.addresses.set(source_id, named.add(address))
    return address
  }

  private put(group: FailureGroup): void {
    const known = this.groups.get(nameOf(group))
    const is_full = known === undefined && this.groups.size >= GROUPS_MAX
    if (is_full && group.address !== '') this.put({ ...group, address: '' })
    else if (is_full && this.groups.size >= GROUPS_MAX_AT_ALL) this.lost += group.count
    else this.groups.set(nameOf(group), known === undefined ? group : together(known, group))
  }
}

function nameOf({ tenant_id, source_id, minute, reason, address }: FailureGroup): string {
  return JSON.stringify([tenant_id, source_id, minute, reason, address])
}

function together(one: FailureGroup, other: FailureGroup): FailureGroup {
  return { ...(other.last_at >= one.last_at ? other : one), count: one.count + other.count }
}
