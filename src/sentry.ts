/** Sends what nobody expected to Sentry, where there is one: by toucan-js, a client for each event, because a Worker has no global scope. */
import { EventBudget } from './lib/event-budget.ts'
import { type Fields, log, SECRETS } from './lib/log.ts'
import { createRedactor, frames } from './lib/redact.ts'
import type { Reporting } from './report.ts'
import { VERSION } from './version.ts'

/** Sentry is asked once; a mistake of which it does not hear is in the log. */
const PATIENCE_MS = 3000

/** What events are looked for by. The other fields are beside them, and cannot be searched. */
const TAGS = ['request_id', 'trace_id', 'tenant_id', 'endpoint_id', 'job', 'queue', 'method', 'route', 'key_id']

const CAUSES_MAX = 5

/** https://develop.sentry.dev/sdk/foundations/transport/authentication/ */
const DSN = /^https?:\/\/\w+(?::\w*)?@[\w.-]+(?::\d+)?\/(?:\S+\/)?\d+$/

const budget = new EventBudget()
const redactor = createRedactor(SECRETS)

/**
 * Sends an error, if this deployment has a `SENTRY_DSN` and the budget allows. Nothing waits for it, and
 * nothing of it can fail: what goes wrong is a line in the log.
 */
export function sendToSentry(at: Reporting, message: string, error: unknown, fields: Fields): void {
  const { SENTRY_DSN: dsn } = at.env
  if (dsn === undefined || dsn === '') return
  const unsent = budget.take(message, Date.now())
  if (unsent === null) return
  try {
    // A wrong setting must not stop what it is not needed for; and the client would print it.
    if (!DSN.test(dsn)) throw new TypeError('SENTRY_DSN is none: https://{public key}@{host}/{project id}')
    at.waitUntil(send(at, dsn, message, error, { ...fields, ...(unsent > 0 && { unsent }) }).catch(fail))
  } catch (failure) {
    fail(failure)
  }
}

async function send(at: Reporting, dsn: string, message: string, error: unknown, fields: Fields): Promise<void> {
  // Only now: a deployment without Sentry does not even start the client.
  const { linkedErrorsIntegration, Toucan } = await import('toucan-js')
  const toucan = new Toucan({
    dsn,
    environment: at.env.ENVIRONMENT,
    release: `postern@${VERSION}+${at.env.VERSION.id}`,
    // Neither requests nor breadcrumbs: an event has what it was given here, and nothing else.
    defaultIntegrations: [linkedErrorsIntegration({ limit: CAUSES_MAX })],
    context: { waitUntil: (work) => at.waitUntil(work.catch(fail)) },
    transportOptions: { fetcher: fetchInTime },
    // Everything once more, whoever put it there. What the client keeps for itself does not leave anyway.
    beforeSend: ({ sdkProcessingMetadata: _, ...event }) =>
      redactor.value(event, { with_stack: false }) as unknown as typeof event,
  })
  toucan.setTag('log', message)
  if (at.env.VERSION.tag !== '') toucan.setTag('version_tag', at.env.VERSION.tag)
  // Together, so that each is judged by its name.
  const shown = Object.entries(redactor.value(fields, { with_stack: false }) as Fields)
  for (const [name, value] of shown) {
    if (TAGS.includes(name) && typeof value === 'string') toucan.setTag(name, value)
    else toucan.setExtra(name, value)
  }
  toucan.captureException(withoutSecrets(error))
}

function fail(error: unknown): void {
  budget.pause(Date.now())
  log('warn', 'sentry.failed', { error })
}

/** @throws when Sentry does not answer in time, or refuses */
async function fetchInTime(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), PATIENCE_MS)
  try {
    const response = await fetch(input as RequestInfo, { ...init, redirect: 'manual', signal: timeout.signal })
    // Nobody reads it, and unread it would keep its connection.
    await response.body?.cancel()
    if (!response.ok) throw new Error(`Sentry answers ${response.status}`)
    return response
  } catch (error) {
    throw timeout.signal.aborted ? new Error(`Sentry does not answer within ${PATIENCE_MS} ms`) : error
  } finally {
    clearTimeout(timer)
  }
}

/** The same error, its causes among it, as it may be shown. The client takes its text and stack from it. */
function withoutSecrets(error: unknown, depth = 0): Error {
  if (!(error instanceof Error)) {
    return new Error(`thrown: ${JSON.stringify(redactor.value(error, { with_stack: false }))}`)
  }
  const shown = new Error(redactor.text(error.message))
  shown.name = redactor.text(error.name)
  shown.stack = redactor.text(`${shown.name}\n${frames(error, error.stack)}`)
  if (error.cause !== undefined && depth < CAUSES_MAX) shown.cause = withoutSecrets(error.cause, depth + 1)
  return shown
}
