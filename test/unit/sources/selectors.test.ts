import { z } from '@hono/zod-openapi'
import { describe, expect, it } from 'vitest'
import { identifyBy, selectedHeaders, selectors } from '../../../src/sources/schemes/selectors.ts'
import { requestOf } from './scheme.ts'

const schema = z.strictObject(selectors)
const identify = (body: string, settings: unknown, headers: Record<string, string> = {}) =>
  identifyBy(requestOf({ headers }, new TextEncoder().encode(body)), schema.parse(settings))

describe('what an event says it is', () => {
  it('stands in a header, in the body, or in the settings', () => {
    const settings = { event_id: { header: 'X-Event-Id' }, event_type: { body: '/event/name' } }
    expect(identify('{"event": {"name": "order.created"}}', settings, { 'x-event-id': 'e1' })).toEqual({
      id: 'e1',
      type: 'order.created',
    })
    expect(identify('', { event_type: { fixed: 'order.created' } })).toEqual({ id: null, type: 'order.created' })
    expect(selectedHeaders(schema.parse(settings))).toEqual(['x-event-id'])
  })

  it('is found by the rules of JSON Pointer', () => {
    const body = '{"a/b": {"m~n": "x"}, "list": [{"0": "zero"}, "one"], "": "empty", "0": "member"}'
    const at = (pointer: string) => identify(body, { event_id: { body: pointer } }).id
    expect(at('/a~1b/m~0n')).toBe('x')
    expect(at('/list/0/0')).toBe('zero')
    expect(at('/list/1')).toBe('one')
    expect(at('/')).toBe('empty')
    expect(at('/0')).toBe('member')
    for (const pointer of [
      '',
      '/list',
      '/list/2',
      '/list/01',
      '/list/-',
      '/list/x',
      '/list/1/x',
      '/nothing',
      '/list/9999999999999999999',
    ])
      expect(at(pointer), pointer).toBeNull()
  })

  it('is a number to its last digit, so that two events are never one', () => {
    const at = (number: string) => identify(`{"id": ${number}}`, { event_id: { body: '/id' } }).id
    expect(at('1234567890123456789')).toBe('1234567890123456789')
    expect(at('1234567890123456788')).toBe('1234567890123456788')
    expect(at('42')).toBe('42')
    expect(at('1e400')).toBe('1e400')
    for (const other of ['null', 'true', '""', '[]', '{}', '"broken', '01', '-', ''])
      expect(at(other), other).toBeNull()
  })

  it('is nothing where the body is no JSON', () => {
    for (const body of ['', 'id=1', '\u0000', '{"id"', '{"id":', '[', '{'])
      expect(identify(body, { event_id: { body: '/id' }, event_type: { header: 'x' } })).toEqual({
        id: null,
        type: null,
      })
  })

  it.each([
    { event_id: { fixed: 'always the same' } },
    { event_id: { body: 'no/pointer' } },
    { event_id: { body: '/data/*/id' } },
    { event_id: { body: '/a', header: 'b' } },
    { event_id: { header: 'not a name' } },
    { event_type: { fixed: '' } },
    { event_type: {} },
    { event_type: 'order.created' },
  ])('cannot be selected by %o', (settings) => {
    expect(schema.safeParse(settings).success).toBe(false)
  })
})
