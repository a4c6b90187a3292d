import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isEventType } from '../../../src/lib/glob.ts'
import { eventTypeOf } from '../../../src/sources/event-type.ts'

describe('the event type of what a provider sends', () => {
  it.each([
    ['stripe', 'invoice.paid', 'stripe.invoice.paid'],
    ['github', 'push', 'github.push'],
    ['shopify', 'orders/create', 'shopify.orders.create'],
    ['bitbucket', 'repo:push', 'bitbucket.repo.push'],
    ['gitlab', 'Push Hook', 'gitlab.Push_Hook'],
    ['paypal', 'PAYMENT.SALE.COMPLETED', 'paypal.PAYMENT.SALE.COMPLETED'],
    ['shop.eu', 'a..b', 'shop.eu.a.b'],
    ['stripe', null, 'stripe.unknown'],
    ['stripe', '', 'stripe.unknown'],
    ['stripe', '…', 'stripe._'],
  ])('of %s and %j is %s', (prefix, type, expected) => {
    expect(eventTypeOf(prefix, type)).toBe(expected)
  })

  it('is a valid one, whatever a provider writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (type) => {
        expect(isEventType(eventTypeOf('source.of-mine', type))).toBe(true)
      }),
    )
  })
})
