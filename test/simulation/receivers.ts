/** The endpoint's receivers, one per URL, each with its mood; and the network between. */
import type { Outcome } from '../../durable-objects/endpoint/machine.ts'
import { FAILURE, GONE, INTERRUPTED, OURS, SUCCESS } from './given.ts'
import type { Mood } from './scenario.ts'
import type { World } from './world.ts'

export interface Request {
  message: number
  url: number
  timeout_ms: number
  order_key: string | null
  /** The place in its ordering key when the request left. */
  seq: number
  /** Whether the Endpoint still waits for this very request. */
  isAwaited: () => boolean
}

interface Temper {
  mood: Mood
  retry_after_ms: number
}

export class Receivers {
  private readonly world: World
  private readonly tempers = new Map<number, Temper>()
  /** What was accepted at least once: message, and how often. */
  readonly accepted = new Map<number, number>()
  /** Called when a request arrives, before it is answered. */
  onReceipt: (request: Request) => void = () => {}
  /** Called when it is accepted. */
  onAcceptance: (request: Request) => void = () => {}

  constructor(world: World) {
    this.world = world
  }

  setMood(url: number, mood: Mood, retry_after_ms: number): void {
    this.tempers.set(url, { mood, retry_after_ms })
  }

  heal(): void {
    this.tempers.clear()
  }

  send(request: Request, done: (outcome: Outcome) => void): void {
    const { world } = this
    const { mood } = this.temper(request.url)
    world.coverage.count('receiver moods met', mood)
    if (mood === 'untransformable') {
      world.after(1, () => done(OURS))
    } else if (world.strikes('interrupt')) {
      this.interrupt(request, done)
    } else if (mood === 'refusing') {
      world.after(1, () => done(FAILURE))
    } else {
      const there_ms = world.random.between(1, 60)
      world.after(there_ms, () => this.receive(request, request.timeout_ms - there_ms, done))
    }
  }

  private receive(request: Request, left_ms: number, done: (outcome: Outcome) => void): void {
    const { world } = this
    this.onReceipt(request)
    const takes_ms =
      this.temper(request.url).mood === 'slow' ? world.random.between(500, 20_000) : world.random.between(1, 150)
    const answer = this.answer(request)
    if (answer === null || takes_ms >= left_ms) world.after(Math.max(1, left_ms), () => done(FAILURE))
    else world.after(takes_ms, () => done(answer))
  }

  /** Null: none within any time. */
  private answer(request: Request): Outcome | null {
    const { mood, retry_after_ms } = this.temper(request.url)
    switch (mood) {
      case 'healthy':
      case 'slow':
        return this.accept(request)
      case 'flapping':
        return this.world.random.chance(0.5) ? this.accept(request) : FAILURE
      case 'hanging':
        return null
      case 'gone':
        return GONE
      case 'busy':
        return { ...FAILURE, retry_after_ms: retry_after_ms === 0 ? null : retry_after_ms }
      case 'failing':
      case 'refusing':
      case 'untransformable':
        return FAILURE
    }
  }

  private accept(request: Request): Outcome {
    this.onAcceptance(request)
    this.accepted.set(request.message, (this.accepted.get(request.message) ?? 0) + 1)
    return SUCCESS
  }

  /** Cut off on our side: the receiver may have got it all the same. */
  private interrupt(request: Request, done: (outcome: Outcome) => void): void {
    const { world } = this
    if (world.random.chance(0.5)) {
      world.fault('attempt interrupted after the receiver')
      world.after(world.random.between(1, 60), () => this.receive(request, request.timeout_ms, () => {}))
    } else {
      world.fault('attempt interrupted before the receiver')
    }
    const is_told_twice = world.random.chance(0.2)
    world.after(world.random.between(61, 30_000), () => {
      done(INTERRUPTED)
      if (is_told_twice) done(INTERRUPTED)
    })
  }

  private temper(url: number): Temper {
    return this.tempers.get(url) ?? { mood: 'healthy', retry_after_ms: 0 }
  }
}
