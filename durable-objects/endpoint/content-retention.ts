/**
 * Retention of content alone: an event type may want payloads and attempts gone before the tenant's retention
 * ends. The rest of the delivery stays, because it is what knows the id of the message.
 */
import type { Meta } from './meta.ts'
import { firstPosition } from './position.ts'
import { UPKEEP_MS_MAX, UPKEEP_MS_MIN } from './retention.ts'
import type { EndpointSettings } from './rpc.ts'
import type { Store } from './store.ts'

/** Rows looked at by one statement; each may hold a payload of 96 KiB. */
const PAGE = 500

type Settings = Pick<EndpointSettings, 'retention_ms' | 'retention_ms_of_types'>

/** Event types that keep their content equally long. */
interface Group {
  retention_ms: number
  event_types: ReadonlySet<string>
}

/** Kept, because without an index every look would begin with the oldest delivery. */
interface Progress {
  /** The rules that it was made by: by others it says nothing. */
  rules: string
  /** By retention: below this position no content of these types is left. */
  from: Record<string, number>
}

export class ContentRetention {
  private readonly store: Store
  private readonly meta: Meta
  private progress: Progress
  /** Of those since the last pass began. */
  private lowest_arrival = Number.POSITIVE_INFINITY

  constructor(store: Store, meta: Meta) {
    this.store = store
    this.meta = meta
    this.progress = meta.read<Progress>('content_retention') ?? { rules: '', from: {} }
  }

  /** When there will next be something to look at; null when no type has a retention of its own, or nothing is stored. */
  nextAt(settings: Settings, now: number): number | null {
    const times = groupsOf(settings).flatMap((group) => this.nextOf(group, this.fromOf(settings, group), now) ?? [])
    return times.length === 0 ? null : Math.min(...times)
  }

  isDue(settings: Settings, now: number): boolean {
    return groupsOf(settings).some((group) => {
      const first = this.store.oldest(this.fromOf(settings, group))
      return first !== null && first.position < firstPosition(now - group.retention_ms)
    })
  }

  /** Removes the content of what has ended longer ago than its type keeps it, a page a turn. */
  async expire(settings: Settings, now: number): Promise<void> {
    this.lowest_arrival = Number.POSITIVE_INFINITY
    const from: Record<string, number> = {}
    for (const group of groupsOf(settings)) {
      const ended_before = now - group.retention_ms
      const end = firstPosition(ended_before)
      const begin = Math.min(this.fromOf(settings, group), end)
      const event_types = JSON.stringify([...group.event_types])
      for (let at: number | null = begin; at !== null; ) {
        const next: number | null = this.store.positionAfter(at, end, PAGE)
        this.store.expireContent(event_types, { from: at, below: next ?? end }, ended_before, now)
        at = next
        if (next !== null) await scheduler.wait(0)
      }
      // What has not ended, or not long ago, is met again from there.
      from[group.retention_ms] = this.store.firstWithContent(event_types, { from: begin, below: end }) ?? end
    }
    // What came in while this went on may lie where it had been already.
    const reached = Object.entries(from).map(([ms, position]) => [ms, Math.min(position, this.lowest_arrival)])
    this.save({ rules: rulesOf(settings), from: Object.fromEntries(reached) })
  }

  /** A message that is older than what is behind the pass, replayed or long in a queue, has to be met by the next. */
  noteArrival(position: number): void {
    this.lowest_arrival = Math.min(this.lowest_arrival, position)
    const { rules, from } = this.progress
    if (Object.values(from).every((reached) => reached <= position)) return
    const lowered = Object.entries(from).map(([ms, reached]) => [ms, Math.min(reached, position)])
    this.save({ rules, from: Object.fromEntries(lowered) })
  }

  private nextOf({ retention_ms, event_types }: Group, from: number, now: number): number | null {
    const first = this.store.oldest(from)
    if (first === null) return null
    const { position, finished_at, event_type } = first
    const is_awaited = event_types.has(event_type)
    const since = is_awaited && finished_at !== null ? finished_at + 1 : Math.ceil(position / firstPosition(1))
    const ends_at = since + retention_ms
    // As with the retention of everything: the end of what has none is asked for again a day later.
    if (is_awaited && finished_at === null && ends_at <= now) return now + UPKEEP_MS_MAX
    return Math.max(ends_at, now + UPKEEP_MS_MIN)
  }

  private fromOf(settings: Settings, { retention_ms }: Group): number {
    const { rules, from } = this.progress
    return rules === rulesOf(settings) ? (from[retention_ms] ?? 0) : 0
  }

  private save(progress: Progress): void {
    this.progress = progress
    this.meta.write('content_retention', progress)
  }
}

/** Those that have a say: content never outlives its delivery. */
function groupsOf({ retention_ms, retention_ms_of_types }: Settings): Group[] {
  const shorter = Object.entries(retention_ms_of_types).filter(([, ms]) => ms < retention_ms)
  return [...Map.groupBy(shorter, ([, ms]) => ms)].map(([retention_ms, types]) => ({
    retention_ms,
    event_types: new Set(types.map(([event_type]) => event_type)),
  }))
}

/** Whether everything goes at the same time by both. */
export function keepsAsLong(settings: Settings, before: Settings): boolean {
  return rulesOf(settings) === rulesOf(before)
}

function rulesOf({ retention_ms, retention_ms_of_types }: Settings): string {
  return JSON.stringify([retention_ms, retention_ms_of_types])
}
