import { z } from '@hono/zod-openapi'
import { countUnauthenticated, isShutOut, shutOut } from '../http/address-limit.ts'
import { addressOf } from '../http/caller.ts'
import { type AppContext, unwrap } from '../http/context.ts'
import { ProblemError, problem } from '../http/problems.ts'
import { defineRoute } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { takeBody } from '../http/take-body.ts'
import { TRACEPARENT, traceHeaders } from '../lib/trace-context.ts'
import { roomForBody } from './body-room.ts'
import { ingest } from './ingest.ts'
import { findSourceAccess, isKnownSource, isSourceId, type SourceAccess } from './ingest-access.ts'
import type { Answer } from './provider.ts'

const params = z.object({
  source: z.string().openapi({ example: 'src_01JD9Z6Q3V8M4T2K7N5B1C0XYE', description: 'Id of the source' }),
})

const problemOf = (description: string) => ({ description, content: { 'application/problem+json': {} } })

const contract = {
  path: '/in/{source}',
  permission: 'public' as const,
  // A provider calls for everybody from the same addresses.
  limits_address: false,
  // Its messages are their own record.
  is_audited: false,
  tags: ['Receiving'],
  responses: {
    200: { description: 'What the provider expects, or what the source is configured to answer' },
    400: problemOf('The body broke off'),
    401: problemOf('It could not be verified'),
    404: problemOf('There is no such source'),
    405: problemOf('Not a question that this provider asks'),
    408: problemOf('The body came too slowly'),
    413: problemOf('The body is too large'),
    415: problemOf('The body is compressed'),
    503: problemOf('A part that is needed does not answer: send it again'),
    508: problemOf('The event goes in a circle'),
  },
}

export const inRoutes = createRouter()

inRoutes.openapi(
  defineRoute({
    ...contract,
    method: 'post',
    summary: 'Receive an event',
    description: 'For providers. Answered once the event is verified and in custody; see docs/sources.md.',
    request: { params, body: { content: { '*/*': { schema: z.string().openapi({ format: 'binary' }) } } } },
  }),
  async (c) => receive(c),
)

inRoutes.openapi(
  defineRoute({
    ...contract,
    method: 'get',
    summary: 'Answer a handshake',
    description: 'For providers that ask whether the URL is theirs before they send events to it.',
    request: { params },
  }),
  async (c) => receive(c),
)

async function receive(c: AppContext): Promise<Response> {
  const access = await accessOf(c)
  const { method, url, headers } = c.req.raw
  const room = roomForBody(access.source.id, c.var.deps.now)
  const call = {
    method,
    url,
    headers,
    address: addressOf(c),
    takeBody: () => takeBody(c, access.source.body_bytes_max, room),
  }
  try {
    return toResponse(c, unwrap(await ingest(c.var.deps, access, call)))
  } finally {
    room.leave()
  }
}

/**
 * What an isolate looks up in a second for addresses that have made ids up. Not nothing: it may be a provider's address, whom
 * anybody can have call any URL, and with it call all others whose sources are not known here yet.
 */
const LOOKUPS_PER_S = 10
const lookups = { second: 0, count: 0 }

/** Ids that somebody makes up are looked up so often and no more. Known ones never ask who calls. */
async function accessOf(c: AppContext): Promise<SourceAccess> {
  const id = c.req.param('source') ?? ''
  const missing = new ProblemError(problem('not_found', 'there is no such source'))
  if (!isSourceId(id)) throw missing
  const was_known = isKnownSource(id)
  if (!was_known && isShutOut(c) && !mayLookUp(c.var.deps.now())) throw shutOut()
  const access = await findSourceAccess(c.var.deps, id)
  if (access === null && !was_known) await countUnauthenticated(c, true)
  if (access === null) throw missing
  return access
}

function mayLookUp(now: number): boolean {
  const second = Math.floor(now / 1000)
  if (second !== lookups.second) Object.assign(lookups, { second, count: 0 })
  return ++lookups.count <= LOOKUPS_PER_S
}

function toResponse(c: AppContext, { status, headers = {}, body }: Answer): Response {
  const is_empty = status === 204 || body === ''
  const { trace } = c.var.deps
  const ours = { 'x-request-id': c.var.requestId, ...(trace && { [TRACEPARENT]: traceHeaders(trace)[TRACEPARENT] }) }
  return new Response(is_empty ? null : body, { status, headers: { ...headers, ...ours } })
}
