import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../../src/env.ts'
import { Gathering } from '../gathering.ts'
import { type Heard, HeardCalls } from './heard.ts'
import { type Correction, correct, type Meter, remainingAt, take } from './meter.ts'
import { Months } from './months.ts'
import type { QuotaRpc, Quotas, Settlement, TakeCall, Taken } from './rpc.ts'

/**
 * The Durable Object that counts what one tenant publishes; asked only when the tenant has a quota. Publishes that
 * arrive together share a commit, and the row that it writes. It has no alarm.
 */
export class Quota extends DurableObject<Bindings> implements QuotaRpc {
  private readonly months: Months
  private readonly heard = new HeardCalls()
  private meter: Meter | null
  private readonly gathering: Gathering<TakeCall, Taken>

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.months = new Months(ctx.storage.sql)
    this.meter = this.months.newest()
    this.gathering = new Gathering(
      (calls) => this.takeAll(calls, Date.now()),
      () => ctx.storage.sync(),
    )
  }

  async take(call: TakeCall): Promise<Taken> {
    return this.gathering.add(call)
  }

  async settle({ id, month, granted, accepted }: Settlement): Promise<void> {
    const before = this.heard.get(id) ?? { month, count: granted ?? 0 }
    const correction = { month: before.month, count: accepted - before.count }
    if (correction.count !== 0) this.correct(correction, Date.now())
    this.heard.remember(id, { month: before.month, count: accepted })
  }

  async usage(month: string, quotas: Quotas): ReturnType<QuotaRpc['usage']> {
    const found = this.months.find(month)
    const counted = found && { accepted: found.accepted, unmetered: found.unmetered, since: found.since }
    return { counted, remaining: remainingAt(this.meter, quotas, Date.now()) }
  }

  async remove(): Promise<void> {
    await this.ctx.storage.deleteAll()
    // The next call finds a new, empty object.
    setTimeout(() => this.ctx.abort('the tenant was deleted'), 0)
  }

  /** Nothing here awaits, so no two calls are granted the same room. */
  private takeAll(calls: readonly TakeCall[], now: number): Taken[] {
    let { meter } = this
    const counted = new Map<string, Heard>()
    const taken = calls.map((call): Taken => {
      const before = counted.get(call.id) ?? this.heard.get(call.id)
      if (before !== undefined) return this.sameAgain(before, call, now)
      const next = take(meter, call, now)
      meter = next.meter
      counted.set(call.id, { month: next.taken.month, count: next.taken.granted })
      return next.taken
    })
    if (meter !== null && meter !== this.meter) this.keep(meter)
    for (const [id, heard] of counted) this.heard.remember(id, heard)
    return taken
  }

  /** The answer to a call that was heard before. */
  private sameAgain({ month, count }: Heard, call: TakeCall, now: number): Taken {
    const remaining = remainingAt(this.meter, call.quotas, now)
    const granted = Math.min(count, call.count)
    const refused_by = granted === call.count ? null : remaining.month === 0 ? 'month' : 'second'
    return { granted, refused_by, month, remaining }
  }

  private correct(correction: Correction, now: number): void {
    const is_past = this.meter !== null && correction.month < this.meter.month
    if (is_past) this.months.write(correct(this.months.find(correction.month), correction, now))
    else this.keep(correct(this.meter, correction, now))
  }

  private keep(meter: Meter): void {
    this.months.write(meter)
    if (meter.month !== this.meter?.month) this.months.forgetBefore(meter.month)
    this.meter = meter
  }
}
