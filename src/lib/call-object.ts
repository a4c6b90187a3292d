const TRIES_MAX = 3
const BACKOFF_MS = 50

/**
 * Calls a Durable Object. What the platform marks `retryable` is tried again; what it marks `overloaded` is not,
 * because trying again would add to it.
 * @param call with a new stub each time, because the old one stays broken
 * @throws the last error
 */
export async function callObject<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean }
      if (retryable !== true || overloaded === true || tries === TRIES_MAX) throw error
      await scheduler.wait(BACKOFF_MS * 2 ** tries * Math.random())
    }
  }
}
