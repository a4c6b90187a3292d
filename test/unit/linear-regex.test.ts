import { describe, expect, it } from 'vitest'
import { compileLinear, createLinearRegex } from '../../src/lib/linear-regex.ts'

/** Every match in a text, found the way JSONata looks for them. */
function matches(regex: RegExp, text: string): { match: string | undefined; index: number; groups: unknown[] }[] {
  const linear = createLinearRegex(regex, () => {})
  const found = []
  for (let match = linear.exec(text); match !== null; match = linear.exec(text)) {
    const [whole, ...groups] = match
    found.push({ match: whole, index: match.index, groups })
  }
  return found
}

describe('a regular expression on RE2', () => {
  it.each([
    [/a+/g, 'caaandaab'],
    [/(\w+)@(\w+)\.com/g, 'ann@acme.com, bob@globex.com'],
    [/(a)|(b)/g, 'xaxb'],
    [/INVOICE/gi, 'invoice.paid Invoice'],
    [/^\w+$/gm, 'one\ntwo\nthree four'],
    [/[^\d\s]{2,3}/g, 'ab12 abcd'],
    [/\u00e9|ü/g, 'café für'],
    [/\/in\/([a-z]+)/g, '/in/stripe /in/github'],
  ])('%s finds what JavaScript finds in %j', (regex, text) => {
    const expected = [...text.matchAll(regex)].map((match) => ({
      match: match[0],
      index: match.index,
      groups: match.slice(1),
    }))
    expect(expected.length).toBeGreaterThan(0)
    expect(matches(regex, text)).toEqual(expected)
  })

  it('takes time that grows with the text alone, where JavaScript would take for ever', () => {
    expect(matches(/^(a+)+$/g, `${'a'.repeat(20_000)}!`)).toEqual([])
    expect(matches(/(x+x+)+y/g, 'x'.repeat(20_000))).toEqual([])
  })

  it.each([/(?=a)b/, /(?!a)b/, /(?<=a)b/, /(a)\1/])('refuses %s, which RE2 cannot run', (regex) => {
    expect(compileLinear(regex)).toEqual({
      ok: false,
      error: expect.stringContaining('the regular expression is not supported'),
    })
    expect(() => createLinearRegex(regex, () => {})).toThrow('not supported')
  })

  it.each([/((a{1,30}){1,30}){1,30}/, new RegExp('\\w{1000}'.repeat(6)), /(\w{1,1000}){1,1000}/])(
    'refuses %s, which is too large',
    (regex) => {
      expect(compileLinear(regex)).toMatchObject({ ok: false })
    },
  )

  it('finds nothing where there is no text', () => {
    const linear = createLinearRegex(/undefined/g, () => {})
    expect(linear.exec(undefined)).toBeNull()
    expect(linear.exec(null)).toBeNull()
    expect(linear.exec(7)).toBeNull()
  })

  it('begins anew after it has found nothing more', () => {
    const linear = createLinearRegex(/a/g, () => {})
    expect(linear.exec('a')?.index).toBe(0)
    expect(linear.exec('a')).toBeNull()
    expect(linear.exec('a')?.index).toBe(0)
  })
})

describe('what a search costs', () => {
  it('is charged before it is made, by the text that is left and the size of the pattern', () => {
    const charged: number[] = []
    const linear = createLinearRegex(/b/g, (operations) => charged.push(operations))
    linear.exec(`ab${'c'.repeat(98)}`)
    linear.exec(`ab${'c'.repeat(98)}`)
    const [first = 0, second = 0] = charged
    expect(first).toBeGreaterThanOrEqual(100)
    expect(second / first).toBeCloseTo(0.98)
  })

  it('may be refused, and then the search is not made', () => {
    const linear = createLinearRegex(/a/g, () => {
      throw new Error('too much')
    })
    expect(() => linear.exec('a')).toThrow('too much')
  })
})
