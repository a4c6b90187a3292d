import { describe, expect, it } from 'vitest'
import { errorOfStatus, outcomeOf, retryAfterMs } from '../../durable-objects/endpoint/outcome.ts'
import type { AttemptError } from '../../durable-objects/endpoint/rpc.ts'

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0)
const MINUTE = 60_000
const DAY = 86_400_000

describe('a status', () => {
  it('is success from 200 to 299, and nothing else is', () => {
    for (let status = 100; status < 1000; status++) {
      expect([status, errorOfStatus(status) === null]).toEqual([status, status >= 200 && status <= 299])
    }
  })

  it.each([
    [101, 'unexpected_status'],
    [301, 'redirect'],
    [308, 'redirect'],
    [304, 'redirect'],
    [400, 'client_error'],
    [404, 'client_error'],
    [410, 'gone'],
    [429, 'rate_limited'],
    [500, 'server_error'],
    [503, 'server_error'],
    [599, 'server_error'],
    [600, 'unexpected_status'],
  ])('of %i is the error %s', (status, error) => {
    expect(errorOfStatus(status)).toBe(error)
  })
})

describe('an error', () => {
  const RECEIVER: AttemptError[] = [
    'timeout',
    'connection_failed',
    'redirect',
    'client_error',
    'rate_limited',
    'gone',
    'server_error',
    'unexpected_status',
  ]
  const OURS: AttemptError[] = ['url_refused', 'transform_failed', 'payload_missing']

  it.each(RECEIVER)('%s counts against the receiver', (error) => {
    expect(outcomeOf(error, null)).toMatchObject({ kind: 'failure', blames_receiver: true })
  })

  it.each(OURS)('%s does not, as the receiver had no part in it', (error) => {
    expect(outcomeOf(error, null)).toMatchObject({ kind: 'failure', blames_receiver: false })
  })

  it('says that the receiver wants no more only when it is gone', () => {
    for (const error of [...RECEIVER, ...OURS]) {
      expect(outcomeOf(error, null)).toMatchObject({ is_gone: error === 'gone' })
    }
  })

  it.each(['interrupted', 'signing_failed'] as const)('is nobody’s failure when it was our outage: %s', (error) => {
    expect(outcomeOf(error, null)).toEqual({ kind: 'interrupted' })
  })

  it('is none on success', () => {
    expect(outcomeOf(null, null)).toEqual({ kind: 'success' })
  })
})

describe('Retry-After', () => {
  it.each([
    ['seconds', '120', 2 * MINUTE],
    ['seconds with spaces around', ' 120 ', 2 * MINUTE],
    ['one second', '1', 1000],
    ['a day', '86400', DAY],
    ['an HTTP date', 'Thu, 01 Jan 2026 12:05:00 GMT', 5 * MINUTE],
    ['an HTTP date as RFC 850 had it', 'Thursday, 01-Jan-26 12:05:00 GMT', 5 * MINUTE],
    ['an HTTP date as asctime() writes it, which is in GMT', 'Thu Jan  1 12:05:00 2026', 5 * MINUTE],
    ['a date of RFC 3339, which some send', '2026-01-01T12:05:00Z', 5 * MINUTE],
  ])('in %s is understood', (_what, header, wait_ms) => {
    expect(retryAfterMs(503, header, NOW)).toBe(wait_ms)
    expect(retryAfterMs(429, header, NOW)).toBe(wait_ms)
  })

  it.each([
    ['more than a day', '86401'],
    ['years', '99999999'],
    ['more than a number can say', '9'.repeat(400)],
    ['a date in the far future', 'Fri, 31 Dec 2999 23:59:59 GMT'],
  ])('of %s is cut to a day', (_what, header) => {
    expect(retryAfterMs(503, header, NOW)).toBe(DAY)
  })

  it.each([
    ['zero', '0'],
    ['a negative number', '-5'],
    ['a fraction', '1.5'],
    ['a sign', '+120'],
    ['a unit', '120s'],
    ['an exponent', '1e3'],
    ['nothing', ''],
    ['a word', 'soon'],
    ['a word and a number that looks like a year', 'soon 2099'],
    ['words and a large number', 'come back in 3000'],
    ['a list', '120, 240'],
    ['a date that has passed', 'Thu, 01 Jan 2026 11:59:59 GMT'],
    ['this very moment', 'Thu, 01 Jan 2026 12:00:00 GMT'],
    ['a date that does not exist', 'Thu, 99 Jan 2026 12:00:00 GMT'],
  ])('of %s is as if it were not there', (_what, header) => {
    expect(retryAfterMs(503, header, NOW)).toBeNull()
  })

  it('is heeded with 429 and 503 alone', () => {
    for (const status of [200, 301, 400, 408, 410, 500, 502, 504]) expect(retryAfterMs(status, '120', NOW)).toBeNull()
    expect(retryAfterMs(503, null, NOW)).toBeNull()
  })
})
