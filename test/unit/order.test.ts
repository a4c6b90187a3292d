import { describe, expect, it } from 'vitest'
import { orderKey } from '../../durable-objects/endpoint/order.ts'

describe('what a delivery is ordered by', () => {
  it.each([
    ['none', 'cus_42', null, 'nothing'],
    ['none', null, null, 'nothing'],
    ['key', 'cus_42', 'cus_42', 'its ordering key'],
    ['key', null, null, 'nothing, when it has no key'],
  ] as const)('with the ordering %s and the key %s is %j: %s', (ordering, key, expected, _what) => {
    expect(orderKey(ordering, key)).toBe(expected)
  })

  it('is one queue for all with fifo, whatever their keys, that no key can join', () => {
    expect(orderKey('fifo', 'cus_42')).toBe(orderKey('fifo', null))
    // The API's contract does not take an empty ordering key.
    expect(orderKey('fifo', null)).toBe('')
  })
})
