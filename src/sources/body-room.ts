/**
 * Room for large bodies. Each is there once or twice while it is read, verified and stored, and an isolate has 128 MB for
 * everybody: whoever knows the URL of a source could end it, and the requests of all others in it, with a few at once. A body
 * that waits is not read, so it takes no memory here.
 */

import type { Room } from '../http/read-body.ts'

/** Two of the largest there are. */
const ROOM_BYTES = 50 * 1024 * 1024
/** Of one source together, so that whoever knows one stands in the way of that one's alone. */
const ROOM_BYTES_OF_SOURCE = ROOM_BYTES / 2
/** Nearly all are, and never wait. */
const SMALL_BYTES = 1024 * 1024

/** Shorter than the patience of providers. */
const PATIENCE_MS = 5000
const LOOK_MS = 20
/** A request that was cut off never says that it is done. Longer than a body may take to arrive, and to be stored. */
const STAY_MS_MAX = 60_000

interface Guest {
  source_id: string
  bytes: number
  until: number
}

const guests = new Set<Guest>()

/** The room that one request takes, if any. */
export class BodyRoom implements Room {
  readonly small_bytes = SMALL_BYTES
  private readonly source_id: string
  private readonly now: () => number
  private guest: Guest | null = null
  private has_left = false

  /** @param now Unix milliseconds */
  constructor(source_id: string, now: () => number) {
    this.source_id = source_id
    this.now = now
  }

  /** Waits for room, by timers of one's own (decision 30). False when there is none in time. */
  async enter(bytes: number): Promise<boolean> {
    for (let waited_ms = 0; !this.hasRoomFor(bytes); waited_ms += LOOK_MS) {
      if (this.has_left || waited_ms >= PATIENCE_MS) return false
      await scheduler.wait(LOOK_MS)
    }
    this.guest = { source_id: this.source_id, bytes, until: this.now() + STAY_MS_MAX }
    guests.add(this.guest)
    return true
  }

  /** For good: a body that came too slowly may still be on its way. */
  leave(): void {
    this.has_left = true
    if (this.guest !== null) guests.delete(this.guest)
  }

  private hasRoomFor(bytes: number): boolean {
    if (this.has_left) return false
    let taken = bytes
    let taken_of_source = bytes
    for (const guest of guests) {
      if (guest.until <= this.now()) guests.delete(guest)
      else {
        taken += guest.bytes
        if (guest.source_id === this.source_id) taken_of_source += guest.bytes
      }
    }
    return taken <= ROOM_BYTES && taken_of_source <= ROOM_BYTES_OF_SOURCE
  }
}
