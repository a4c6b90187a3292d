import type { createRouter } from '../http/router.ts'
import { VERSION } from '../version.ts'

type App = ReturnType<typeof createRouter>

const TAGS = [
  { name: 'Messages', description: 'Publish events, look them up, send them again.' },
  { name: 'Endpoints', description: 'Where your customers receive events, and how each is called.' },
  { name: 'Deliveries', description: 'One message for one endpoint: its state, its attempts, retry and cancel.' },
  {
    name: 'Dead letters',
    description: 'Deliveries that used up their retries, and what Postern itself could not process.',
  },
  { name: 'Event types', description: 'The catalogue of what you send.' },
  { name: 'API keys', description: 'Who may do what for a tenant.' },
  { name: 'Operator keys', description: 'Who may do what everywhere. For operators.' },
  { name: 'Tenants', description: 'Your customers. For operators.' },
  { name: 'Audit log', description: 'What was done in a tenant, by whom and from where: tamper-evident.' },
  { name: 'Operator audit log', description: 'The same for what operators do beyond a tenant.' },
  { name: 'Health', description: 'For load balancers and monitors.' },
]

/** The OpenAPI 3.1 document, generated from the schemas that validate requests. */
export function openApiDocument(app: App, origin: string) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key: `Authorization: Bearer pst_…`',
  })
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Postern',
      version: VERSION,
      description: 'A webhook gateway: every accepted event is signed, delivered, retried, and never lost.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: origin }],
    tags: TAGS,
  })
}
