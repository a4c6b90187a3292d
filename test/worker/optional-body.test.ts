import { describe, expect, it } from 'vitest'
import { type CallOptions, createTenant, useReceivers } from './harness.ts'

useReceivers()

describe('a body that may be left out', () => {
  it.each<[string, CallOptions]>([
    ['is left out', {}],
    ['is left out, though its type is named', { headers: { 'content-type': 'application/json' } }],
    ['is empty', { text: '' }],
    ['is an empty object', { body: {} }],
  ])('may mean the same when it %s', async (_how, options) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { status, body } = await tenant.call('POST', `/endpoints/${endpoint.id}/test`, options)
    expect(status, JSON.stringify(body)).toBe(202)
  })

  it('is still checked when it is there', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const broken = await tenant.call('POST', `/endpoints/${endpoint.id}/test`, { text: '{' })
    expect(broken).toMatchObject({ status: 400, body: { code: 'invalid_json' } })
    const unknown = await tenant.call('POST', `/endpoints/${endpoint.id}/test`, { body: { colour: 'red' } })
    expect(unknown).toMatchObject({ status: 422, body: { code: 'invalid_request' } })
  })
})
