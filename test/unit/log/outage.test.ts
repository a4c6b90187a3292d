import { DrizzleQueryError } from 'drizzle-orm/errors'
import { describe, expect, it } from 'vitest'
import { isOutage, Outage } from '../../../src/lib/outage.ts'

const marked = (marks: object) => Object.assign(new Error('something of the platform'), marks)
const ofStatement = (message: string) => new DrizzleQueryError('select 1', ['jane@acme.test'], new Error(message))

describe('a failure', () => {
  it.each([
    ['D1 that does not answer', new Error('D1_ERROR: Network connection lost.')],
    ['the same, within drizzle', ofStatement('D1_ERROR: D1 DB is overloaded. Requests queued for too long.')],
    ['a queue that refuses', new Error('Queue send failed: Internal Server Error')],
    ['a queue that refuses a batch', new Error('Queue sendBatch failed: Too Many Requests')],
    ['R2 with an internal error', new Error('put: We encountered an internal error. Please try again. (10001)')],
    ['an Endpoint that may be asked again', marked({ retryable: true })],
    ['an Endpoint that is overloaded', marked({ overloaded: true, retryable: false })],
    ['an Endpoint that was restarted', marked({ durableObjectReset: true })],
    ['the platform itself', new Error('internal error; reference = 0123456789abcdef')],
    ['a part of ours, in our words', new Outage('it is full')],
    ['a time-out', new DOMException('too late', 'TimeoutError')],
    ['one that was caused by another', new Error('could not', { cause: new Outage('no answer') })],
  ])('of %s is an outage', (_what, error) => {
    expect(isOutage(error)).toBe(true)
  })

  it.each([
    ['a mistake in code', new TypeError("Cannot read properties of undefined (reading 'id')")],
    ['a mistake in SQL', new Error('D1_ERROR: no such column: nme: SQLITE_ERROR')],
    ['the same, within drizzle', ofStatement('D1_ERROR: UNIQUE constraint failed: tenants.id: SQLITE_CONSTRAINT')],
    ['a value that D1 does not take', new Error("D1_TYPE_ERROR: Type 'undefined' not supported")],
    ['a queue message that is too large', new Error('Queue send failed: Payload Too Large')],
    ['an R2 key that cannot be one', new Error('get: The specified object name is not valid. (10020)')],
    ['a mark that says no', marked({ retryable: false })],
    ['no error at all', 'D1_ERROR: Network connection lost.'],
    ['nothing', undefined],
  ])('of %s is none', (_what, error) => {
    expect(isOutage(error)).toBe(false)
  })

  it('may be its own cause', () => {
    const error = new Error('again')
    error.cause = error
    expect(isOutage(error)).toBe(false)
  })
})
