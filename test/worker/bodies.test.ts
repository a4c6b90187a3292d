import { exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createTenant, useReceivers } from './harness.ts'

useReceivers()

describe('a body', () => {
  it('that is not UTF-8 is refused, rather than delivered as something else', async () => {
    const tenant = await createTenant()
    const key = await tenant.key('publisher')
    const response = await exports.default.fetch(`https://postern.test${tenant.path}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: new Uint8Array([...new TextEncoder().encode('{"type":"a.b","data":"'), 0xc3, 0x22, 0x7d]),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'invalid_json', detail: 'the body is not UTF-8' })
  })

  it('with an Idempotency-Key for a whole batch is refused, because each message has its own', async () => {
    const tenant = await createTenant()
    const { status, body } = await tenant.call('POST', '/messages/batch', {
      body: { messages: [{ type: 'a.b', data: 1 }] },
      headers: { 'idempotency-key': 'order-1' },
    })
    expect(status).toBe(400)
    expect(body.code).toBe('invalid_idempotency_key')
  })
})

describe('the Authorization header', () => {
  it.each([
    ['two spaces', (key: string) => `Bearer  ${key}`, 200],
    ['another case', (key: string) => `BEARER ${key}`, 200],
    ['something behind the key', (key: string) => `Bearer ${key} extra`, 401],
    ['another scheme', (key: string) => `Basic ${key}`, 401],
    ['no scheme', (key: string) => key, 401],
  ])('with %s', async (_what, authorization, status) => {
    const tenant = await createTenant()
    const key = await tenant.key('admin')
    const answer = await tenant.call('GET', '', { key: null, headers: { authorization: authorization(key) } })
    expect(answer.status).toBe(status)
  })
})
