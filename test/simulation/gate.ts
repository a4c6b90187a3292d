/**
 * The platform's promise about storage: writes of one turn are committed together, in order, a little
 * later; and whatever leaves (answers, requests, queue messages) waits until all writes before it are
 * committed. What a crash finds uncommitted is taken back, and what it found waiting never leaves.
 */
import type { Disk } from './disk.ts'
import type { World } from './world.ts'

interface Output {
  release: () => void
  /** The process ended first. */
  lose: () => void
}

interface Turn {
  undo: readonly (() => void)[]
  outputs: readonly Output[]
}

const COMMIT_MS_MAX = 15

export class Gate {
  private readonly world: World
  private readonly disk: Disk
  private readonly is_open: boolean
  private uncommitted: Turn[] = []
  private outputs: Output[] = []
  private committed_by = 0
  private generation = 0
  /** Called when a commit is done and nothing has left yet; true when the process ends right there. */
  onCommit: () => boolean = () => false

  /** @param is_open a mutant that lets answers out before the commit */
  constructor(world: World, disk: Disk, is_open = false) {
    this.world = world
    this.disk = disk
    this.is_open = is_open
  }

  get has_uncommitted(): boolean {
    return this.uncommitted.length > 0
  }

  output(release: () => void, lose: () => void = () => {}): void {
    if (this.is_open) release()
    else this.outputs.push({ release, lose })
  }

  closeTurn(): void {
    const undo = this.disk.endTurn()
    const { outputs } = this
    this.outputs = []
    if (undo === null && this.uncommitted.length === 0) {
      for (const { release } of outputs) release()
      return
    }
    const turn = { undo: undo ?? [], outputs }
    this.uncommitted.push(turn)
    const { world, generation } = this
    this.committed_by = Math.max(this.committed_by, world.now + world.random.between(0, COMMIT_MS_MAX))
    world.agenda.enter(this.committed_by, () => {
      if (generation === this.generation) this.commit(turn)
    })
  }

  commitNow(): void {
    this.generation++
    this.disk.endTurn()
    const released = [...this.uncommitted.flatMap(({ outputs }) => outputs), ...this.outputs]
    this.uncommitted = []
    this.outputs = []
    for (const { release } of released) release()
  }

  crash(): void {
    this.generation++
    const undo = [...this.uncommitted.map((turn) => turn.undo), this.disk.endTurn() ?? []]
    const lost = [...this.uncommitted.flatMap(({ outputs }) => outputs), ...this.outputs]
    this.uncommitted = []
    this.outputs = []
    this.committed_by = 0
    this.disk.takeBack(undo)
    for (const { lose } of lost) lose()
  }

  private commit(turn: Turn): void {
    this.uncommitted.shift()
    if (turn.undo.length > 0 && this.onCommit()) {
      for (const { lose } of turn.outputs) lose()
      return
    }
    for (const { release } of turn.outputs) release()
  }
}
