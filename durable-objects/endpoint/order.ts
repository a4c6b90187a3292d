import type { Ordering } from './rpc.ts'

/**
 * Deliveries with the same order key are delivered strictly one after the other; null passes freely.
 * `fifo` is one queue for all, under a name that no ordering key can have (keys are not empty).
 */
export function orderKey(ordering: Ordering, ordering_key: string | null): string | null {
  switch (ordering) {
    case 'none':
      return null
    case 'key':
      return ordering_key
    case 'fifo':
      return ''
  }
}
