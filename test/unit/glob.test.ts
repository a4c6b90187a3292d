import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isEventType, isEventTypePattern, matchesEventType } from '../../src/lib/glob.ts'

const segment = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/)
const segments = fc.array(segment, { minLength: 1, maxLength: 5 })

describe('a subscription', () => {
  it.each([
    ['invoice.paid', 'invoice.paid', 'names one type'],
    ['*', 'invoice', 'takes everything'],
    ['*', 'invoice.line.added', 'takes everything, however deep'],
    ['invoice.*', 'invoice.paid', 'takes what is below a name'],
    ['invoice.*', 'invoice.line.added', 'takes what is further below'],
    ['invoice.*.added', 'invoice.line.added', 'takes any one segment in the middle'],
    ['*.paid', 'invoice.paid', 'takes any one segment at the front'],
    ['*.*', 'invoice.paid', 'takes what has two segments'],
    ['*.*', 'invoice.line.added', 'takes more, as the last star is open'],
    ['invoice.*.*', 'invoice.line.added', 'takes stars one after the other'],
  ])('%s matches %s: %s', (pattern, event_type) => {
    expect(matchesEventType(pattern, event_type)).toBe(true)
  })

  it.each([
    ['invoice.paid', 'invoice.paid.late', 'a name is not a prefix'],
    ['invoice.paid', 'invoice', 'nor the other way round'],
    ['invoice.*', 'invoice', 'a star stands for at least one segment'],
    ['invoice.*', 'invoices.paid', 'segments are compared whole'],
    ['invoice.*.added', 'invoice.added', 'a star in the middle is not nothing'],
    ['invoice.*.added', 'invoice.line.item.added', 'a star in the middle is not two'],
    ['*.paid', 'invoice.line.paid', 'nor is one at the front'],
    ['*.*', 'invoice', 'two stars are two segments'],
    ['invoice.paid', 'Invoice.Paid', 'case counts'],
    ['invoice.paid', 'invoiceXpaid', 'a dot is a dot'],
  ])('%s does not match %s: %s', (pattern, event_type) => {
    expect(matchesEventType(pattern, event_type)).toBe(false)
  })

  it('to a type itself matches that type and no other', () => {
    fc.assert(
      fc.property(segments, segments, (a, b) => {
        expect(matchesEventType(a.join('.'), b.join('.'))).toBe(a.join('.') === b.join('.'))
      }),
    )
  })

  it('still matches after any one segment was replaced by a star', () => {
    fc.assert(
      fc.property(segments, fc.nat(), (type, n) => {
        expect(matchesEventType(type.with(n % type.length, '*').join('.'), type.join('.'))).toBe(true)
      }),
    )
  })

  it('to everything below a name matches exactly what starts with that name and a dot', () => {
    fc.assert(
      fc.property(segments, segments, fc.boolean(), (prefix, other, is_below) => {
        const type = (is_below ? [...prefix, ...other] : other).join('.')
        expect(matchesEventType(`${prefix.join('.')}.*`, type)).toBe(type.startsWith(`${prefix.join('.')}.`))
      }),
    )
  })
})

describe('the spelling of event types and patterns', () => {
  it.each(['invoice', 'invoice.paid', 'a.b-c.d_e.9', 'x'.repeat(128)])('accepts the type %s', (text) => {
    expect(isEventType(text)).toBe(true)
    expect(isEventTypePattern(text)).toBe(true)
  })

  it.each(['', '.', '.paid', 'invoice.', 'a..b', 'in voice', 'rechnung.bezahlt!', 'größe', 'a\n', 'x'.repeat(129)])(
    'refuses %j as type and as pattern',
    (text) => {
      expect(isEventType(text)).toBe(false)
      expect(isEventTypePattern(text)).toBe(false)
    },
  )

  it.each(['*', 'invoice.*', '*.paid', 'invoice.*.added'])('accepts %s as pattern only', (text) => {
    expect(isEventType(text)).toBe(false)
    expect(isEventTypePattern(text)).toBe(true)
  })

  it.each(['**', 'invoice.**', 'inv*', 'invoice.pa*', '*x.y', '.*', '*.'])('refuses the pattern %s', (text) => {
    expect(isEventTypePattern(text)).toBe(false)
  })

  it('takes no longer for a long text than its length needs', () => {
    expect(isEventType(`${'a.'.repeat(500_000)}!`)).toBe(false)
    expect(isEventTypePattern(`${'*.'.repeat(500_000)}!`)).toBe(false)
  })
})
