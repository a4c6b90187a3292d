import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { redactionSchema } from './contract.ts'
import { canReveal } from './reveal.ts'
import { getRedaction, setRedaction } from './tenant-redaction.ts'

const tags = ['Redaction']
const path = '/v1/tenants/{tenant}/redaction'

export const redactionRoutes = createRouter()

redactionRoutes.openapi(
  defineRoute({
    method: 'get',
    path,
    permission: 'redaction.read',
    tags,
    summary: 'Get what is redacted in all messages',
    request: { params: tenantParam },
    responses: { 200: jsonAnswer(redactionSchema, 'What is redacted, whatever the event type') },
  }),
  async (c) => c.json({ redact: unwrap(await getRedaction(c.var.deps, tenantOf(c).id)) }, 200),
)

redactionRoutes.openapi(
  defineRoute({
    method: 'put',
    path,
    permission: 'redaction.write',
    tags,
    summary: 'Set what is redacted in all messages',
    description:
      'Beside what each event type has redacted. It holds for what is stored already, and for what is shown alone: ' +
      'receivers get every byte. To take a pointer away needs `payload.reveal`.',
    request: { params: tenantParam, body: jsonBody(redactionSchema) },
    responses: { 200: jsonAnswer(redactionSchema, 'What is redacted from now on') },
  }),
  async (c) => {
    const { redact } = c.req.valid('json')
    return c.json({ redact: unwrap(await setRedaction(c.var.deps, tenantOf(c).id, redact, canReveal(c))) }, 200)
  },
)
