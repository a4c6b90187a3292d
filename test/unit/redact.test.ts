/** What of a message may be shown, and what of the answers that receivers gave to it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redactContent, redactText } from '../../src/redaction/redact.ts'

const event = (data: unknown) => ({
  format: 'event' as const,
  content_type: 'application/json',
  text: JSON.stringify({ type: 'a.b', timestamp: '2026-11-24T00:00:00.000Z', data }),
})
const raw = (text: string, content_type: string) => ({ format: 'raw' as const, content_type, text })

describe('the body of a message', () => {
  it('is shown as it is where nothing is redacted', () => {
    expect(redactContent(raw('<a/>', 'application/xml'), []).text).toBe('<a/>')
  })

  it('of an event is looked into from `data` on, as filters and transforms do', () => {
    const { text } = redactContent(event({ email: 'a@b.c', type: 'x' }), [['email'], ['type']])
    expect(JSON.parse(text)).toMatchObject({ type: 'a.b', data: { email: '[redacted]', type: '[redacted]' } })
  })

  it.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON', 'application/cloudevents+json'])(
    'that is raw is looked into where it is %s',
    (content_type) => {
      expect(redactContent(raw('{"email":"a@b.c"}', content_type), [['email']]).text).toBe('{"email":"[redacted]"}')
    },
  )

  it.each([
    ['text/plain', '{"email":"a@b.c"}'],
    ['application/xml', '<email>a@b.c</email>'],
    ['application/jsonx', '{"email":"a@b.c"}'],
    ['application/json', '{"email":"a@b.c"'],
  ])('that is %s is hidden as a whole when it cannot be looked into', (content_type, text) => {
    expect(redactContent(raw(text, content_type), [['email']])).toEqual({ text: '[redacted]', traces: null })
  })
})

const answerTo = (value: unknown, answer: string) => {
  const { traces } = redactContent(event({ secret: value }), [['secret']])
  return redactText(answer, traces)
}

describe("a receiver's answer", () => {
  it.each(['', 'ok', '{"error":"database is locked"}', '<html>502 Bad Gateway</html>'])(
    'is shown where it has nothing of what is hidden: %s',
    (answer) => {
      expect(answerTo('jane.doe@example.org', answer)).toBe(answer)
    },
  )

  it.each([
    ['as it is', 'no user jane.doe@example.org'],
    ['in capitals', 'JANE.DOE@EXAMPLE.ORG'],
    ['in a URL', '/login?user=jane.doe%40example.org'],
    ['in a URL twice', '/login?next=%2F%3Fuser%3Djane%252Edoe'],
    ['in every letter of a URL', '%6a%61%6e%65%2e%64%6f%65'],
    ['in HTML', '<b>jane.doe&#64;example.org</b>'],
    ['in JSON', '{"user":"jane.doe\\u0040example.org"}'],
    ['cut off', 'unknown user: jane.do'],
    ['in part', 'mail to *.doe@example.org bounced'],
    ['spaced out', 'j a n e . d o e'],
  ])('is hidden as a whole where it quotes it %s', (_, answer) => {
    expect(answerTo('jane.doe@example.org', answer)).toBe('[redacted]')
  })

  it.each([
    ['a number', 4111111111111111, 'card 4111 1111 1111 1111 refused'],
    ['a number beyond 2^53', 12345678901234567000, 'no account 12345678901234567000'],
    ['a short value', '007', 'agent 007'],
    ['a value of marks alone', '***', 'password *** is too short'],
    ['a value in an object', { name: { first: 'Rumpelstilzchen' } }, 'hello rumpelstilzchen'],
    ['a name of a member that is data', { 'jane@example.org': 1 }, 'jane@example.org'],
    ['text of another script', 'Виктор Степанович', 'привет, виктор степанович'],
  ])('is hidden where it quotes %s', (_, value, answer) => {
    expect(answerTo(value, answer)).toBe('[redacted]')
  })

  it('is hidden where it cannot be told what to look for', () => {
    expect(redactText('anything', null)).toBe('[redacted]')
    expect(answerTo('x'.repeat(100_000), 'anything')).toBe('[redacted]')
  })

  it('never shows a value that it holds, whatever is before and behind it', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).map((one) => one.toWellFormed())
    const value = fc
      .oneof(text, fc.integer(), fc.emailAddress(), fc.uuid())
      .filter((one) => /[\p{L}\p{N}]/u.test(String(one)))
    const writing = fc.constantFrom(String, encodeURIComponent, JSON.stringify)
    fc.assert(
      fc.property(value, fc.string(), fc.string(), writing, (one, before, behind, write) => {
        expect(answerTo(one, `${before} ${write(one)}${behind}`)).toBe('[redacted]')
      }),
      { numRuns: 3000 },
    )
  })

  it('is either shown as it is or hidden, and nothing makes it throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, answer) => {
        expect([answer, answer === '' ? '' : '[redacted]']).toContain(answerTo(value, answer))
      }),
      { numRuns: 1000 },
    )
  })
})
