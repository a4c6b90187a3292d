import type { createRouter } from '../http/router.ts'
import { VERSION } from '../version.ts'

type App = ReturnType<typeof createRouter>

const TAGS = [
  { name: 'Messages', description: 'Publish events, look them up, send them again.' },
  { name: 'Endpoints', description: 'Where your customers receive events, and how each is called.' },
  { name: 'Sources', description: 'Where providers send webhooks to, and how what they send is verified.' },
  { name: 'Deliveries', description: 'One message for one endpoint: its state, its attempts, retry and cancel.' },
  {
    name: 'Dead letters',
    description: 'Deliveries that used up their retries, and what Postern itself could not process.',
  },
  { name: 'Data subjects', description: 'What is about one person: exported, and erased with a receipt.' },
  { name: 'Event types', description: 'The catalogue of what you send.' },
  { name: 'Redaction', description: 'What of messages is hidden from everybody but receivers.' },
  { name: 'API keys', description: 'Who may do what for a tenant.' },
  { name: 'Operator keys', description: 'Who may do what everywhere. For operators.' },
  { name: 'One-time codes', description: 'A second proof (TOTP) before sensitive operations.' },
  { name: 'Tenants', description: 'Your customers. For operators.' },
  { name: 'Master keys', description: 'What encrypts secrets at rest, and its rotation. For operators.' },
  { name: 'Audit log', description: 'What was done in a tenant, by whom and from where: tamper-evident.' },
  { name: 'Operator audit log', description: 'The same for what operators do beyond a tenant.' },
  { name: 'Health', description: 'For load balancers and monitors.' },
]

/** Registered once: the registry keeps every one that it is given. */
export const API_KEY = {
  type: 'http',
  scheme: 'bearer',
  description: 'An API key: `Authorization: Bearer pst_…`',
} as const

/** The OpenAPI 3.1 document, generated from the schemas that validate requests. */
export function openApiDocument(app: App, origin: string) {
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
