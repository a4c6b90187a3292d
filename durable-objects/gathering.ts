interface Waiting<In, Out> {
  input: In
  resolve: (output: Out) => void
  reject: (error: unknown) => void
}

/**
 * Handles what arrives while the storage is busy together, so that it shares a commit. An idle one
 * handles at once, and nobody waits.
 */
export class Gathering<In, Out> {
  private readonly handle: (inputs: readonly In[]) => Out[]
  private readonly settled: () => Promise<void>
  private waiting: Waiting<In, Out>[] = []
  private is_busy = false

  /**
   * @param handle answers in the order of the inputs; does not await
   * @param settled resolves when what was written is durable
   */
  constructor(handle: (inputs: readonly In[]) => Out[], settled: () => Promise<void>) {
    this.handle = handle
    this.settled = settled
  }

  /** @throws what the handling of this and those beside it throws */
  add(input: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ input, resolve, reject })
      if (!this.is_busy) void this.work()
    })
  }

  private async work(): Promise<void> {
    this.is_busy = true
    while (this.waiting.length > 0) {
      const together = this.waiting
      this.waiting = []
      try {
        const outputs = this.handle(together.map(({ input }) => input))
        for (const [i, { resolve }] of together.entries()) resolve(outputs[i] as Out)
        await this.settled()
      } catch (error) {
        for (const { reject } of together) reject(error)
      }
    }
    this.is_busy = false
  }
}
