/** What all parts of a run share: virtual time, randomness, the faults of the moment, and who watches. */
import { Agenda } from './agenda.ts'
import type { Coverage, Fault } from './coverage.ts'
import { Random } from './random.ts'
import type { Scenario } from './scenario.ts'

/** A rule was broken. `step`: how many steps of the scenario had been taken. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** A fault that lasts. */
interface Spell {
  until: number
  share: number
  by_ms: number
}

type SpellName =
  | `queue.${'lose' | 'duplicate' | 'delay' | 'refuse'}`
  | `alarm.${'late' | 'repeated'}`
  | `database.${'down' | 'slow' | 'answer_lost'}`
  | `call.${'lost' | 'slow'}`
  | `push.${'lost' | 'slow'}`
  | 'interrupt'

export class World {
  readonly agenda = new Agenda()
  readonly coverage: Coverage
  /** The core's jitter. */
  readonly jitter: Random
  /** Everything else's. */
  readonly random: Random
  readonly trace: ((line: string) => void) | null
  /** Milliseconds since the run began; never goes back. */
  now = 0
  /** What the clock on the wall shows at the beginning. */
  private offset_ms = Date.UTC(2026, 0, 1)
  private readonly spells = new Map<SpellName, Spell>()

  constructor(scenario: Pick<Scenario, 'seed'>, coverage: Coverage, trace: ((line: string) => void) | null) {
    this.jitter = new Random(scenario.seed, 1)
    this.random = new Random(scenario.seed, 2)
    this.coverage = coverage
    this.trace = trace
  }

  // --- time ---

  get wall(): number {
    return this.now + this.offset_ms
  }

  /** When the clock on the wall will show this. */
  momentOf(wall: number): number {
    return wall - this.offset_ms
  }

  moveClock(by_ms: number): void {
    this.offset_ms += by_ms
  }

  after(delay_ms: number, happen: () => void): void {
    this.agenda.enter(this.now + delay_ms, happen)
  }

  // --- faults ---

  afflict(name: SpellName, for_ms: number, share = 1, by_ms = 0): void {
    this.spells.set(name, { until: this.now + for_ms, share, by_ms })
  }

  /** Whether a fault strikes now. */
  strikes(name: SpellName): boolean {
    const spell = this.spells.get(name)
    return spell !== undefined && spell.until > this.now && (spell.share === 1 || this.random.chance(spell.share))
  }

  spell(name: SpellName): Spell | undefined {
    const spell = this.spells.get(name)
    return spell !== undefined && spell.until > this.now ? spell : undefined
  }

  heal(): void {
    this.spells.clear()
  }

  // --- who watches ---

  fault(fault: Fault): void {
    this.coverage.count('faults that struck', fault)
    if (this.trace !== null) this.trace(`    ! ${fault}`)
  }

  say(make: () => string): void {
    if (this.trace !== null) this.trace(make())
  }
}
