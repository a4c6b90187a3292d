import { describe, expect, it } from 'vitest'
import { nearest } from '../../../scripts/send/nearest.ts'

const NAMES = ['github', 'gitlab', 'mailgun', 'stripe', 'payment_intent.succeeded', 'invoice.paid']

describe('the names that somebody may have meant', () => {
  it.each([
    ['strpie', ['stripe']],
    ['Stripe', ['stripe']],
    ['gitlub', ['gitlab', 'github']],
    ['paid', ['invoice.paid']],
    ['quxquxqux', []],
  ])('%s: %j', (name, meant) => {
    expect(nearest(name, NAMES).toSorted()).toEqual(meant.toSorted())
  })
})
