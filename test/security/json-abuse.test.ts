/** Bodies that other readers would understand otherwise, or that are made to break one. */
import { exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { NESTING_MAX } from '../../src/lib/strict-json.ts'
import { call, createTenant, eventually, type TenantHandle, useReceivers } from '../worker/harness.ts'
import { blamed, expectProblem } from '../worker/problem.ts'

const receivers = useReceivers()

const publish = async (text: string, headers: Record<string, string> = {}) =>
  (await createTenant()).call('POST', '/messages', { text, headers })

const url = 'https://receiver.test/'

describe('a content type', () => {
  it.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
  ])('may be %s', async (type) => {
    expect((await publish('{"type":"a.b","data":1}', { 'content-type': type })).status).toBe(202)
  })

  it.each([
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'application/json; charset=utf-7',
    'application/json; charset=utf-8; charset=latin1',
    'application/json; boundary=x',
    'application/json;',
    'application/json ; charset=utf-8',
    'application/json, text/plain',
    'application/jsonp',
    'application/problem+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/json',
    'text/plain',
    'application/xml',
    '*/*',
    '',
  ])('may not be %j', async (type) => {
    expectProblem(await publish('{"type":"a.b","data":1}', { 'content-type': type }), 415, 'unsupported_media_type')
  })

  it('may not be missing', async () => {
    const tenant = await createTenant()
    const response = await exports.default.fetch(`https://postern.test${tenant.path}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tenant.key('publisher')}` },
      body: new TextEncoder().encode('{"type":"a.b","data":1}'),
    })
    expect(response.status).toBe(415)
  })

  it('is as strict where a body may be left out', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const disguised = { text: '{"parked":"cancel"}', headers: { 'content-type': 'application/json ; charset=utf-8' } }
    const reply = await tenant.call('POST', `/endpoints/${id}/enable`, disguised)
    expectProblem(reply, 415, 'unsupported_media_type')
  })

  it.each(['gzip', 'br', 'deflate', 'zstd', 'gzip, identity', 'x'])(
    'may not come with the packing %s',
    async (packing) => {
      const reply = await publish('{"type":"a.b","data":1}', { 'content-encoding': packing })
      expectProblem(reply, 415, 'unsupported_media_type')
    },
  )

  it('may come with the packing identity, which is none', async () => {
    expect((await publish('{"type":"a.b","data":1}', { 'content-encoding': 'identity' })).status).toBe(202)
  })
})

describe('a name that is twice in one object', () => {
  it.each([
    ['at the top', '{"type":"a.b","type":"c.d","data":1}'],
    ['in the payload', '{"type":"a.b","data":{"amount":1,"amount":1000}}'],
    ['deep inside', '{"type":"a.b","data":[{"x":{"a":1,"b":2,"a":3}}]}'],
    ['behind an object that has it too', '{"type":"a.b","data":{"a":{"a":1},"a":2}}'],
    ['once with an escape', '{"type":"a.b","data":{"admin":false,"\\u0061dmin":true}}'],
    ['and is a prototype', '{"type":"a.b","data":{"__proto__":1,"__proto__":2}}'],
    ['and is empty', '{"type":"a.b","data":{"":1,"":2}}'],
    ['across white space', '{"type":"a.b","data":{"a" :1 ,\n\t"a"\n: 2}}'],
  ])('%s is refused', async (_where, text) => {
    const reply = await publish(text)
    expectProblem(reply, 400, 'invalid_json')
    expect(reply.body.detail).toContain('twice in one object')
  })

  it('is none in different objects, in text, or in different case', async () => {
    const text = '{"type":"a.b","data":[{"a":1},{"a":1,"A":2,"b":{"a":"\\"a\\":1,\\"a\\":2","c":"\\\\"}},"a","a"]}'
    expect((await publish(text)).status).toBe(202)
  })
})

describe('nesting', () => {
  const nested = (depth: number, open = '[', close = ']') =>
    `{"type":"a.b","data":${open.repeat(depth - 1)}${open === '[' ? '' : '1'}${close.repeat(depth - 1)}}`

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('of %s may be as deep as the limit, and no deeper', async (_what, open, close) => {
    expect((await publish(nested(NESTING_MAX, open, close))).status).toBe(202)
    const reply = await publish(nested(NESTING_MAX + 1, open, close))
    expectProblem(reply, 400, 'invalid_json')
    expect(reply.body.detail).toContain('nested')
  })

  it.each([
    ['closed', 100_000, true],
    ['never closed', 1_000_000, false],
  ])('of a great many levels is refused before anything is made of it: %s', async (_what, depth, is_closed) => {
    const text = `{"type":"a.b","data":${'['.repeat(depth)}${is_closed ? ']'.repeat(depth) : ''}`
    expectProblem(await publish(text), 400, 'invalid_json')
  })

  it('inside a raw payload breaks neither a filter nor a transform', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ filter: '$count(data) > 0', transform: 'data', retry_delays_s: [] })
    const raw = '['.repeat(50_000) + ']'.repeat(50_000)
    const { status, body } = await tenant.call('POST', '/messages', {
      body: { type: 'a.b', raw, content_type: 'application/json' },
    })
    expect(status).toBe(202)
    const delivery = await tenant.deliveryIn('dead', body.id, endpoint.id)
    expect(delivery).toMatchObject({ last_error: 'transform_failed', attempt_count: 1 })
  })
})

describe('text', () => {
  it.each([
    ['a first half alone', '\\ud83d'],
    ['a second half alone', '\\ude00'],
    ['both in the wrong order', '\\ude00\\ud83d'],
    ['a first half and something else', '\\ud83dx\\ude00'],
    ['a first half and another escape', '\\ud83d\\n'],
    ['two first halves', '\\ud83d\\ud83d\\ude00'],
    ['a first half and then, far away, a second', '\\uD83D" , "x": "\\uDE00'],
  ])('with half of a surrogate pair is no text: %s', async (_what, escaped) => {
    expectProblem(await publish(`{"type":"a.b","data":{"a":"${escaped}"}}`), 400, 'invalid_json')
    expectProblem(await publish(`{"type":"a.b","raw":"${escaped}","content_type":"text/plain"}`), 400, 'invalid_json')
  })

  it.each(['\\ud83d\\ude00', '\\\\ud83d', '\\\\\\\\ud83d', '\\u0000', '\\u00e9\\uffff'])(
    'may be %s',
    async (escaped) => {
      const tenant = await createTenant()
      const endpoint = await tenant.endpoint()
      const { status } = await tenant.call('POST', '/messages', { text: `{"type":"a.b","data":"${escaped}"}` })
      expect(status).toBe(202)
      const [arrival] = await eventually('it to arrive', () => {
        const arrivals = receivers.current.arrivals(endpoint.url)
        return arrivals.length > 0 && arrivals
      })
      expect(JSON.parse(arrival?.body ?? '').data).toBe(JSON.parse(`"${escaped}"`))
    },
  )

  it.each([
    ['an overlong NUL', [0xc0, 0x80]],
    ['an overlong quote', [0xc0, 0xa2]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
    ['a byte alone', [0xff]],
    ['a cut sequence', [0xe2, 0x82]],
  ])('that is no UTF-8 is refused: %s', async (_what, bytes) => {
    const tenant = await createTenant()
    const encode = (text: string) => [...new TextEncoder().encode(text)]
    const response = await exports.default.fetch(`https://postern.test${tenant.path}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tenant.key('publisher')}`, 'content-type': 'application/json' },
      body: new Uint8Array([...encode('{"type":"a.b","data":"'), ...bytes, ...encode('"}')]),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'invalid_json' })
  })
})

const UNSHOWN = {
  NUL: '\u0000',
  'a line break': '\n',
  'an escape sequence': '\u001b[31m',
  'a right-to-left override': 'invoice\u202efdp',
  'an isolate': '\u2066',
  'a line separator': '\u2028',
  'a control of C1': '\u009b',
}

describe('a name that would not be shown as it is', () => {
  it.each(Object.entries(UNSHOWN))('is refused: %s', async (_what, text) => {
    const tenant = await createTenant()
    const name = `a${text}b`
    const replies = [
      await call('POST', '/v1/tenants', { body: { id: `t-${crypto.randomUUID()}`, name } }),
      await tenant.call('PATCH', '', { body: { name } }),
      await tenant.call('POST', '/keys', { body: { name, role: 'viewer' } }),
      await tenant.publish({ ordering_key: name }),
    ]
    for (const reply of replies) expectProblem(reply, 422, 'invalid_request')
  })

  it.each(Object.entries(UNSHOWN).filter(([what]) => !what.startsWith('a line ')))(
    'is refused in a description: %s',
    async (_what, text) => {
      const tenant = await createTenant()
      const reply = await tenant.call('POST', '/endpoints', { body: { url, description: `a${text}b` } })
      expectProblem(reply, 422, 'invalid_request')
      expect(blamed(reply)).toEqual(['description'])
    },
  )

  it.each(['Łódź 🐈', 'שלום', 'مرحبا', 'e\u0301', '‏a'])('is none that people write: %s', async (name) => {
    const tenant = await createTenant({ name })
    expect((await tenant.call('GET', '')).body.name).toBe(name)
    const { body } = await tenant.call('POST', '/endpoints', { body: { url, description: `${name}\n\t${name}` } })
    expect(body.description).toBe(`${name}\n\t${name}`)
  })
})

describe('a member that JavaScript treats specially', () => {
  const POISONS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
  /** Written out, because an object literal would set its prototype. */
  const withMember = (rest: string, name: string, value: string) => `{${rest},${JSON.stringify(name)}:${value}}`

  it.each(POISONS)('is one that nobody knows: %s', async (name) => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const poison = '{"is_admin":true}'
    const replies = [
      await call('POST', '/v1/tenants', {
        text: withMember(`"id":"t-${crypto.randomUUID()}","name":"a"`, name, poison),
      }),
      await tenant.call('POST', '/keys', { text: withMember('"name":"a","role":"viewer"', name, poison) }),
      await tenant.call('POST', '/messages', { text: withMember('"type":"a.b","data":1', name, poison) }),
      await tenant.call('PATCH', `/endpoints/${id}`, { text: withMember('"description":"a"', name, poison) }),
      await tenant.call('POST', '/event-types', { text: withMember('"name":"a.b"', name, poison) }),
      await tenant.call('PATCH', '', { text: `{"limits":{${JSON.stringify(name)}:1}}` }),
    ]
    for (const reply of replies) expectProblem(reply, 422, 'invalid_request')
    expect(({} as { is_admin?: unknown }).is_admin).toBeUndefined()
  })

  it('is refused as a header of an endpoint when it is __proto__, and not left out', async () => {
    const tenant = await createTenant()
    const text = `{"url":"${url}","headers":{"__proto__":"a"}}`
    const reply = await tenant.call('POST', '/endpoints', { text })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['headers.__proto__'])
  })

  it.each(['constructor', 'toString', 'hasownproperty', 'valueof'])('is a header like any other: %s', async (name) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ headers: { [name]: 'v' } })
    await tenant.published()
    const [arrival] = await eventually('it to arrive', () => {
      const arrivals = receivers.current.arrivals(endpoint.url)
      return arrivals.length > 0 && arrivals
    })
    expect(arrival?.headers.get(name)).toBe('v')
  })

  it('may be in a payload, for filters and transforms too', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ filter: 'data.constructor = 1', transform: 'data' })
    const data = '{"__proto__":{"is_admin":true},"constructor":1}'
    const { status, body } = await tenant.call('POST', '/messages', { text: `{"type":"a.b","data":${data}}` })
    expect([status, body.deliveries?.length]).toEqual([202, 1])
    await tenant.deliveryIn('succeeded', body.id, endpoint.id)
    expect(({} as { is_admin?: unknown }).is_admin).toBeUndefined()
  })
})

describe('a header of an endpoint', () => {
  it.each([
    ['a line break', 'x-a', 'b\r\nx-evil: 1'],
    ['a line feed', 'x-a', 'b\nc'],
    ['a NUL', 'x-a', 'b\0c'],
    ['letters beyond Latin-1', 'x-a', 'Łódź'],
    ['letters of Latin-1', 'x-a', 'größe'],
    ['a line break in its name', 'x-a\r\nx-evil', 'b'],
    ['another host', 'host', 'internal.example'],
    ['another length', 'content-length', '0'],
    ['another framing', 'transfer-encoding', 'chunked'],
    ['a packing that it does not have', 'content-encoding', 'gzip'],
    ['a wish for packed answers', 'accept-encoding', 'gzip'],
    ['hop by hop', 'connection', 'close'],
    ['hop by hop', 'te', 'trailers'],
    ['another protocol', 'upgrade', 'websocket'],
    ['a signature', 'Webhook-Signature', 'v1,x'],
    ['a name of Postern', 'postern-anything', '1'],
    ['a name of the platform', 'cf-connecting-ip', '127.0.0.1'],
    ['another caller', 'X-Forwarded-For', '127.0.0.1'],
    ['another caller', 'x-real-ip', '127.0.0.1'],
    ['a proxy', 'proxy-authorization', 'x'],
  ])('may not be %s: %s', async (_what, name, value) => {
    const reply = await (await createTenant()).call('POST', '/endpoints', { body: { url, headers: { [name]: value } } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([`headers.${name}`])
  })

  it.each([
    ['a list', []],
    ['text', 'a: b'],
    ['null', null],
    ['a number in it', { 'x-a': 1 }],
  ])('may not be given as %s', async (_what, headers) => {
    expectProblem(
      await (await createTenant()).call('POST', '/endpoints', { body: { url, headers } }),
      422,
      'invalid_request',
    )
  })
})

describe('a number', () => {
  it.each(['1e999', '-1e999', '9007199254740993', '1e-999', '123456789012345678901234567890'])(
    'of any size is a payload, to the last digit: %s',
    async (written) => {
      const tenant = await createTenant()
      const endpoint = await tenant.endpoint()
      await tenant.call('POST', '/messages', { text: `{"type":"a.b","data":{"n":${written}}}` })
      const [arrival] = await eventually('it to arrive', () => {
        const arrivals = receivers.current.arrivals(endpoint.url)
        return arrivals.length > 0 && arrivals
      })
      expect(arrival?.body).toContain(`"data":{"n":${written}}`)
    },
  )

  it.each(['1e999', '1.5', '-1', '1e30', '"5"', 'null', '[5]', '9007199254740993'])(
    'that no setting can have is refused: %s',
    async (written) => {
      const tenant = await createTenant()
      const text = `{"url":"${url}","timeout_ms":${written}}`
      expectProblem(await tenant.call('POST', '/endpoints', { text }), 422, 'invalid_request')
    },
  )
})

describe('a refusal', () => {
  const members = (count: number, member: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => member(i)).join()

  it.each([
    ['80,000 members that nobody knows', `{"url":"${url}",${members(80_000, (i) => `"k${i}":1`)}}`],
    ['a member with a very long name', `{"url":"${url}","${'k'.repeat(500_000)}":1}`],
    ['50,000 headers', `{"url":"${url}","headers":{${members(50_000, (i) => `"k ${i}":1`)}}}`],
    ['a header with a very long name', `{"url":"${url}","headers":{"${'k'.repeat(500_000)}":"v"}}`],
    ['200,000 things in a list', `{"url":"${url}","channels":[${'1,'.repeat(200_000)}1]}`],
    ['a very long value', `{"url":"${url}${'x'.repeat(500_000)}"}`],
    ['a very long word where there is a choice', `{"url":"${url}","ordering":"${'x'.repeat(500_000)}"}`],
  ])('is small, however much is wrong: %s', async (_what, text) => {
    const reply = await (await createTenant()).call('POST', '/endpoints', { text })
    expectProblem(reply, 422, 'invalid_request')
    expect(JSON.stringify(reply.body).length).toBeLessThan(20_000)
  })

  it('of a batch is small too', async () => {
    const text = `{"messages":[${members(100, () => `{${members(1000, (i) => `"k${i}":1`)}}`)}]}`
    const reply = await (await createTenant()).call('POST', '/messages/batch', { text })
    expectProblem(reply, 422, 'invalid_request')
    expect(JSON.stringify(reply.body).length).toBeLessThan(50_000)
  })
})

describe('what is no JSON', () => {
  it.each([
    '',
    '{',
    '{"type":"a.b","data":1}}',
    '{"type":"a.b","data":1} {}',
    '{"type":"a.b","data":1,}',
    "{'type':'a.b'}",
    '{"type":"a.b","data":NaN}',
    '{"type":"a.b","data":0x10}',
    '{"type":"a.b" /* c */,"data":1}',
    '{"type":"a\nb","data":1}',
    '{"type":"a.b","data":"\\x41"}',
    '{"type":"a.b","data":"\\u00"}',
    '"\\',
    '{"\\u":1}',
    ']'.repeat(1000),
    ','.repeat(1000),
    '{"a"'.repeat(100),
    '\u{feff}\u{feff}{}',
  ])('is refused as such: %j', async (text) => {
    expectProblem(await publish(text), 400, 'invalid_json')
  })

  it.each(['null', '[]', '"text"', '1', 'true'])('or is no object: %s', async (text) => {
    expectProblem(await publish(text), 422, 'invalid_request')
  })
})

describe('a body that is too large', () => {
  it('is refused by what it says of its length', async () => {
    const tenant: TenantHandle = await createTenant()
    const text = JSON.stringify({ type: 'a.b', data: 'x'.repeat(3 * 2 ** 20) })
    expectProblem(await tenant.call('POST', '/messages', { text }), 413, 'payload_too_large')
  })

  it('is refused though it does not say how long it is', async () => {
    const tenant = await createTenant()
    const key = await tenant.key('publisher')
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536
        controller.enqueue(new Uint8Array(65_536).fill(0x20))
      },
    })
    const response = await exports.default.fetch(`https://postern.test${tenant.path}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body,
    })
    expect(response.status).toBe(413)
    expect(sent).toBeLessThan(5 * 2 ** 20)
  })
})
