/** A clock finer than an alarm. It is lost with the process, so nothing may depend on it alone. */
export class Timer {
  private readonly ring: () => void
  private set: { at: number; handle: ReturnType<typeof setTimeout> } | null = null

  constructor(ring: () => void) {
    this.ring = ring
  }

  /** Rings at this time, or before if it was already set to. */
  ringBy(at: number, now: number): void {
    if (this.set !== null && this.set.at <= at) return
    if (this.set !== null) clearTimeout(this.set.handle)
    const handle = setTimeout(
      () => {
        this.set = null
        this.ring()
      },
      Math.max(1, at - now),
    )
    this.set = { at, handle }
  }
}
