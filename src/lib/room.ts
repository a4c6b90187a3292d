/** Memory that large things take turns for: an isolate has 128 MB for everybody, and with it end all requests in it. */

export interface RoomLimits {
  bytes_max: number
  /** Of one owner together, so that who takes much stands in the own way first. */
  bytes_of_owner_max: number
  patience_ms: number
  /** Who was cut off never says that it leaves. Longer than anybody may stay. */
  stay_ms_max: number
}

/** How often one who waits looks for room. */
const LOOK_MS = 20

interface Guest {
  owner: string
  bytes: number
  until: number
}

/** One for an isolate. */
export class Room {
  private readonly limits: RoomLimits
  private readonly guests = new Set<Guest>()

  constructor(limits: RoomLimits) {
    this.limits = limits
  }

  /** @param now Unix milliseconds */
  visitor(owner: string, now: () => number): Visitor {
    return new Visitor(this, this.limits, owner, now)
  }

  /** Takes a guest in, unless there is no room. */
  admit(guest: Guest, now: number): boolean {
    let taken = guest.bytes
    let taken_of_owner = guest.bytes
    for (const other of this.guests) {
      if (other.until <= now) this.guests.delete(other)
      else {
        taken += other.bytes
        if (other.owner === guest.owner) taken_of_owner += other.bytes
      }
    }
    const has_room = taken <= this.limits.bytes_max && taken_of_owner <= this.limits.bytes_of_owner_max
    if (has_room) this.guests.add(guest)
    return has_room
  }

  release(guest: Guest): void {
    this.guests.delete(guest)
  }
}

/** Something large that takes its turn, once. */
export class Visitor {
  private readonly room: Room
  private readonly limits: RoomLimits
  private readonly owner: string
  private readonly now: () => number
  private guest: Guest | null = null
  private has_left = false

  constructor(room: Room, limits: RoomLimits, owner: string, now: () => number) {
    this.room = room
    this.limits = limits
    this.owner = owner
    this.now = now
  }

  /** Waits for room, by timers of one's own (decision 30). False when there is none in time. */
  async enter(bytes: number): Promise<boolean> {
    for (let waited_ms = 0; !this.has_left; waited_ms += LOOK_MS) {
      const guest = { owner: this.owner, bytes, until: this.now() + this.limits.stay_ms_max }
      if (this.room.admit(guest, this.now())) {
        this.guest = guest
        return true
      }
      if (waited_ms >= this.limits.patience_ms) return false
      await scheduler.wait(LOOK_MS)
    }
    return false
  }

  /** For good: what has waited may still be on its way. */
  leave(): void {
    this.has_left = true
    if (this.guest !== null) this.room.release(this.guest)
  }
}
