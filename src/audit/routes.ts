import { z } from '@hono/zod-openapi'
import { type AppContext, unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { ndjson, ndjsonAnswer } from '../http/ndjson.ts'
import { decodeCursor, encodeCursor, pageOf } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { record } from './audited.ts'
import { checkpointSchema, listCheckpoints } from './checkpoint.ts'
import {
  checkpointsQuery,
  entrySchema,
  exportQuery,
  listQuery,
  toEntryJson,
  toVerdictJson,
  verdictSchema,
  verifyBody,
  verifyQuery,
} from './contract.ts'
import { OPERATOR_CHAIN } from './entry.ts'
import { exportEntries, listEntries } from './list-entries.ts'
import { verifyChain } from './verify.ts'

/** The same routes twice: for what happens in a tenant, and for what operators do beyond them. */
export const auditRoutes = createRouter()

addRoutes({
  path: '/v1/tenants/{tenant}/audit-log',
  params: { params: tenantParam },
  permissions: { read: 'audit_log.read', export: 'audit_log.export' },
  tags: ['Audit log'],
})
addRoutes({
  path: '/v1/audit-log',
  params: {},
  permissions: { read: 'operator_audit_log.read', export: 'operator_audit_log.export' },
  tags: ['Operator audit log'],
})

interface Scope {
  path: '/v1/tenants/{tenant}/audit-log' | '/v1/audit-log'
  params: { params?: typeof tenantParam }
  permissions: {
    read: 'audit_log.read' | 'operator_audit_log.read'
    export: 'audit_log.export' | 'operator_audit_log.export'
  }
  tags: string[]
}

function chainOf(c: AppContext): string {
  return c.var.access.tenant?.id ?? OPERATOR_CHAIN
}

function addRoutes({ path, params, permissions, tags }: Scope): void {
  auditRoutes.openapi(
    defineRoute({
      method: 'get',
      path,
      permission: permissions.read,
      tags,
      summary: 'List audit entries',
      request: { ...params, query: listQuery },
      responses: { 200: jsonAnswer(pageOf(entrySchema), 'Entries, newest first') },
    }),
    async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query')
      const page = await listEntries(c.var.deps, chainOf(c), filter, limit, placeOf(cursor))
      return c.json({ data: page.data.map(toEntryJson), next_cursor: page.next_cursor }, 200)
    },
  )

  auditRoutes.openapi(
    defineRoute({
      method: 'get',
      path: `${path}/export`,
      permission: permissions.export,
      step_up: 'always',
      is_audited: true,
      tags,
      summary: 'Export audit entries',
      request: { ...params, query: exportQuery },
      responses: { 200: ndjsonAnswer('One entry a line, oldest first, as the list shows them') },
    }),
    async (c) => {
      const filter = c.req.valid('query')
      const chain = chainOf(c)
      unwrap(await record(c.var.deps, chain, { action: 'audit_log.export', target: null, after: filter }))
      return ndjson(c, exportEntries(c.var.deps, chain, filter))
    },
  )

  auditRoutes.openapi(
    defineRoute({
      method: 'get',
      path: `${path}/verify`,
      permission: permissions.read,
      tags,
      summary: 'Verify the audit log',
      description: 'Walks the chain and names the first entry that does not hold.',
      request: { ...params, query: verifyQuery },
      responses: { 200: jsonAnswer(verdictSchema, 'What was found') },
    }),
    async (c) => {
      const from = placeOf(c.req.valid('query').cursor)
      return c.json(toVerdictJson(await verifyChain(c.var.deps, chainOf(c), from), encodeCursor), 200)
    },
  )

  auditRoutes.openapi(
    defineRoute({
      method: 'post',
      path: `${path}/verify`,
      permission: permissions.read,
      is_audited: false,
      tags,
      summary: 'Verify the audit log against a checkpoint',
      description: 'That you have kept: so that nobody here could have changed it.',
      request: { ...params, query: verifyQuery, body: jsonBody(verifyBody) },
      responses: { 200: jsonAnswer(verdictSchema, 'What was found') },
    }),
    async (c) => {
      const from = placeOf(c.req.valid('query').cursor)
      const { checkpoint } = c.req.valid('json')
      return c.json(toVerdictJson(await verifyChain(c.var.deps, chainOf(c), from, checkpoint), encodeCursor), 200)
    },
  )

  auditRoutes.openapi(
    defineRoute({
      method: 'get',
      path: `${path}/checkpoints`,
      permission: permissions.read,
      tags,
      summary: 'List checkpoints of the audit log',
      description: 'One a day when there is something new. Keep them where nobody of ours can reach them.',
      request: { ...params, query: checkpointsQuery },
      responses: { 200: jsonAnswer(pageOf(checkpointSchema), 'Signed checkpoints, oldest first') },
    }),
    async (c) => {
      const { limit, cursor } = c.req.valid('query')
      const { checkpoints, is_last } = await listCheckpoints(c.var.deps, chainOf(c), { after: placeOf(cursor), limit })
      const last = checkpoints.at(-1)
      return c.json({ data: checkpoints, next_cursor: is_last || !last ? null : encodeCursor([last.seq]) }, 200)
    },
  )
}

function placeOf(cursor: string | undefined): number | undefined {
  return cursor === undefined ? undefined : decodeCursor(cursor, z.tuple([z.int().min(0)]))[0]
}
