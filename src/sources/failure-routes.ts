import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { time, timeInput, toTime } from '../http/time.ts'
import { type FailureRow, listFailures } from './list-failures.ts'
import { REFUSALS } from './refusal.ts'

const failureSchema = z
  .object({
    reason: z.enum(REFUSALS),
    address: z.string().nullable().openapi({ description: 'Null when it is not known, or one of too many' }),
    minute: time,
    count: z.int(),
    last_at: time,
    header_names: z.array(z.string()).openapi({ description: 'Of the last one, in lower case; at most 50' }),
  })
  .openapi('SourceFailure', { description: 'Requests of a minute that were not believed, and look the same.' })

const after = z.tuple([z.int(), z.string(), z.string()])

export const sourceFailureRoutes = createRouter()

sourceFailureRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/sources/{source}/failures',
    permission: 'source.read',
    tags: ['Sources'],
    summary: 'List what a source did not believe',
    description: 'Kept for 30 days, without any value of a header and without the body.',
    request: {
      params: tenantParam.extend({ source: z.string() }),
      query: pageQuery.extend({
        since: timeInput.optional().openapi({ description: 'From the minute that this lies in' }),
        until: timeInput.optional().openapi({ description: 'Minutes that begin before this' }),
      }),
    },
    responses: { 200: jsonAnswer(pageOf(failureSchema), 'Failed verifications, newest minute first') },
  }),
  async (c) => {
    const { cursor, limit, since, until } = c.req.valid('query')
    const query = { limit, since, until, after: cursor === undefined ? null : decodeCursor(cursor, after) }
    const page = unwrap(await listFailures(c.var.deps, tenantOf(c).id, c.req.valid('param').source, query))
    return c.json({ data: page.data.map(toFailureJson), next_cursor: page.next_cursor }, 200)
  },
)

function toFailureJson(row: FailureRow): z.output<typeof failureSchema> {
  const { reason, address, minute, count, last_at, header_names } = row
  return {
    reason,
    address: address === '' ? null : address,
    minute: toTime(minute),
    count,
    last_at: toTime(last_at),
    header_names,
  }
}
