/** The judge of the fuzzer objects to what it is there for: a judge that lets everything pass proves nothing. */
import { describe, expect, it } from 'vitest'
import { type Document, operationsOf } from './document.ts'
import type { Answer, Request } from './exchange.ts'
import { Judge } from './judge.ts'
import type { Caller } from './requests.ts'
import type { World } from './world.ts'

const PATH = '/v1/tenants/{tenant}/endpoints/{endpoint}'

const DOCUMENT: Document = {
  components: {
    schemas: {
      Problem: {
        type: 'object',
        properties: { code: { type: 'string', enum: ['not_found'] }, request_id: { type: 'string' } },
        required: ['code', 'request_id', 'status', 'type'],
      },
    },
  },
  paths: {
    [PATH]: {
      patch: {
        'x-permission': 'endpoint.write',
        parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1 } }],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: { type: 'object', properties: { name: { type: 'string' } }, additionalProperties: false },
            },
          },
        },
        responses: {
          200: {
            content: {
              'application/json': {
                schema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
              },
            },
          },
          404: {},
        },
      },
    },
  },
}

const judge = new Judge(operationsOf(DOCUMENT), DOCUMENT.components.schemas.Problem ?? {})
const world = {
  mine: 'mine',
  theirs: 'theirs',
  keys: { admin: 'pst_the_key_of_the_admin' },
  known: { their_endpoint: ['ep_theirs'] },
} as unknown as World

const REQUEST: Request = {
  method: 'PATCH',
  path: '/v1/tenants/mine/endpoints/ep_mine?limit=5',
  headers: [['content-type', 'application/json']],
  body: Buffer.from('{"name":"a"}'),
  framing: 'length',
}
const HEADERS = { 'x-request-id': 'r', 'x-content-type-options': 'nosniff', 'content-type': 'application/json' }
const ANSWER: Answer = { status: 200, headers: HEADERS, text: '{"id":"ep_mine"}', took_ms: 5 }
const PROBLEM_HEADERS = { ...HEADERS, 'content-type': 'application/problem+json' }

function refusal(problem: object = {}, headers: Record<string, string> = PROBLEM_HEADERS): Partial<Answer> {
  const text = JSON.stringify({ code: 'not_found', type: '/x#not_found', request_id: 'r', status: 404, ...problem })
  return { status: 404, headers, text }
}

function objection(request: Partial<Request>, answer: Partial<Answer>, caller: Caller = 'admin') {
  return judge.objection(world, caller, { ...REQUEST, ...request }, { ...ANSWER, ...answer })
}

describe('the judge has nothing to say', () => {
  it.each<[string, Partial<Answer>]>([
    ['of an answer as documented', {}],
    ['of a refusal in due form', refusal()],
  ])('%s', (_what, answer) => {
    expect(objection({}, answer)).toBeNull()
  })
})

describe('the judge objects to', () => {
  it.each<[string, Partial<Request>, Partial<Answer>, RegExp]>([
    ['an unexpected error', {}, { status: 500 }, /status 500/],
    ['what hangs', {}, { took_ms: 60_000 }, /took/],
    ['an answer without an id', {}, { headers: { ...HEADERS, 'x-request-id': '' } }, /x-request-id/],
    ['a key in an answer', {}, { text: '{"id":"pst_the_key_of_the_admin"}' }, /shows a key/],
    ['a refusal that is no problem', {}, { status: 404, text: 'not found' }, /of type/],
    ['a code that nobody knows', {}, refusal({ code: 'oops' }), /not a problem/],
    ['another id in the problem', {}, refusal({ request_id: 'other' }), /differ/],
    ['another status in the problem', {}, refusal({ status: 400 }), /says 400/],
    ['a stack trace', {}, refusal({ detail: 'at f (index.js:1)' }), /shows at f/],
    ['a query of the database', {}, refusal({ detail: 'D1_ERROR: no such column' }), /shows D1_ERROR/],
    ['a status that is not documented', {}, { status: 201 }, /201 is not documented/],
    ['another answer than the documented one', {}, { text: '{}' }, /not as documented/],
    ['a member that is not documented', {}, { text: '{"id":"a","hash":"b"}' }, /not as documented/],
    ['an accepted body of another shape', { body: Buffer.from('{"name":1}') }, {}, /accepted nonsense/],
    ['an accepted member that nobody knows', { body: Buffer.from('{"tenant_id":"a"}') }, {}, /accepted nonsense/],
    ['an accepted body that is not JSON', { body: Buffer.from('{') }, {}, /not JSON/],
    ['an accepted body that is not UTF-8', { body: Buffer.of(0x22, 0xff, 0x22) }, {}, /not JSON/],
    ['no body where one is required', { body: null }, {}, /without a body/],
    ['another type of body', { headers: [['content-type', 'text/plain']] }, {}, /of type text\/plain/],
    ['nonsense in the query', { path: '/v1/tenants/mine/endpoints/e?limit=0x10' }, {}, /query: limit=0x10/],
    ['two where one is asked for', { path: '/v1/tenants/mine/endpoints/e?limit=1&limit=2' }, {}, /2 of the query/],
    ['what is open of another tenant', { path: '/v1/tenants/theirs/endpoints/e' }, {}, /let into theirs/],
    ['what belongs to another tenant', { path: '/v1/tenants/mine/endpoints/ep_theirs' }, {}, /belongs to another/],
    ['a way round', { path: '/v1/tenants/mine/../theirs/endpoints/e' }, {}, /let into theirs/],
    ['a route that is not documented', { path: '/v1/secrets' }, {}, /not documented/],
  ])('%s', (_what, request, answer, expected) => {
    expect(objection(request, answer)).toMatch(expected)
  })

  it.each(['viewer', 'publisher', 'auditor', 'nobody', 'made_up'] as const)('what %s may not do', (caller) => {
    expect(objection({}, {}, caller)).toMatch(/has no endpoint.write/)
  })
})
