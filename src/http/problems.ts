/** Every way a request can be refused: the stable codes, and the answers of RFC 9457 made from them. */

export const PROBLEMS = {
  invalid_request: { status: 422, title: 'The request is well formed but not valid' },
  invalid_json: { status: 400, title: 'The body cannot be read as JSON' },
  body_incomplete: { status: 400, title: 'The body broke off' },
  invalid_cursor: { status: 400, title: 'The cursor is not one of ours' },
  invalid_idempotency_key: { status: 400, title: 'The Idempotency-Key cannot be used' },
  invalid_expression: { status: 422, title: 'The JSONata expression cannot be compiled' },
  invalid_schema: { status: 422, title: 'The JSON Schema cannot be used' },
  invalid_secret: { status: 422, title: 'The secret cannot be used' },
  url_refused: { status: 422, title: 'The URL must not be called' },
  unauthorized: { status: 401, title: 'A valid API key is required' },
  verification_failed: { status: 401, title: 'The request could not be verified' },
  forbidden: { status: 403, title: 'The API key may not do this' },
  address_not_allowed: { status: 403, title: 'The API key may not be used from this address' },
  totp_required: { status: 403, title: 'This needs a one-time code' },
  totp_invalid: { status: 403, title: 'The one-time code is not good' },
  totp_enrolment_required: { status: 403, title: 'This needs an API key that is enrolled for one-time codes' },
  not_found: { status: 404, title: 'There is no such thing here' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  request_timeout: { status: 408, title: 'The body came too slowly' },
  tenant_exists: { status: 409, title: 'The tenant exists already' },
  tenant_being_deleted: { status: 409, title: 'The tenant of this id is still being deleted' },
  tenant_not_empty: { status: 409, title: 'The tenant still has endpoints' },
  event_type_exists: { status: 409, title: 'The event type exists already' },
  idempotency_conflict: { status: 409, title: 'The idempotency key was used with another content' },
  last_admin_key: { status: 409, title: 'This would leave the tenant without a key that can make keys' },
  content_expired: { status: 410, title: 'The retention of the event type is over' },
  content_erased: { status: 409, title: 'The content was erased' },
  wrong_state: { status: 409, title: 'The present state does not allow this' },
  credentials_unused: { status: 409, title: 'The provider of the source has no credentials' },
  master_key_changed: { status: 409, title: 'The current master key is not the one that had its id before' },
  changed_meanwhile: { status: 409, title: 'It was changed by others again and again; try once more' },
  payload_invalid: { status: 422, title: 'The data does not fit the schema of its event type' },
  event_type_unknown: { status: 422, title: 'The event type is not in the catalogue' },
  event_type_archived: { status: 422, title: 'The event type is archived' },
  schema_version_unknown: { status: 422, title: 'The schema has no such version' },
  example_missing: { status: 422, title: 'There is no example to send' },
  limit_reached: { status: 422, title: 'A limit of the tenant is reached' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  uri_too_long: { status: 414, title: 'The URL is too long' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  rate_limited: { status: 429, title: 'Too many requests' },
  quota_exceeded: { status: 429, title: 'The month has no messages left' },
  totp_locked: { status: 429, title: 'Too many wrong one-time codes' },
  endpoint_full: { status: 429, title: 'The endpoints hold as many unfinished deliveries as they may' },
  not_all_placed: { status: 503, title: 'Some deliveries could not be placed; repeat the request' },
  unavailable: { status: 503, title: 'A part that is needed does not answer right now' },
  loop_detected: { status: 508, title: 'Postern called itself' },
  secret_unsealable: { status: 500, title: 'A secret cannot be decrypted' },
  internal: { status: 500, title: 'Something unexpected went wrong' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof PROBLEMS

export interface Problem {
  code: ProblemCode
  detail: string
  /** What is wrong with which member of the request. */
  errors?: { path: string; message: string }[]
  headers?: Record<string, string>
  /** Further members of the answer (RFC 9457, section 3.2). */
  extra?: Record<string, unknown>
}

export function problem(
  code: ProblemCode,
  detail: string,
  more: Pick<Problem, 'errors' | 'headers' | 'extra'> = {},
): Problem {
  return { code, detail, ...more }
}

/** Of a message whose payload is gone. */
export const CONTENT_EXPIRED = problem(
  'content_expired',
  'the retention of its event type is over, and its payload was deleted',
)

/** There is nothing left that could be sent again. */
export const CONTENT_ERASED = problem('content_erased', 'its content was erased on behalf of its data subject')

/** Carries a problem from where a handler stops to where it is answered. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.detail}`)
    this.problem = problem
  }
}

/**
 * What identifies a problem and leads to its explanation: relative to whoever answered, since every
 * deployment serves its own page (RFC 9457, section 3.1.1, wants the full path then).
 */
export function typeOf(code: ProblemCode): string {
  return `/docs/errors#${code}`
}

/** `application/problem+json` of RFC 9457. A response made by hand takes no header from the context, so the id is set here. */
export function problemResponse({ code, detail, errors, headers, extra }: Problem, request_id: string): Response {
  const { status, title } = PROBLEMS[code]
  const body = {
    type: typeOf(code),
    title,
    status,
    detail,
    code,
    request_id,
    ...(errors && { errors }),
    ...extra,
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'x-request-id': request_id, ...headers },
  })
}
