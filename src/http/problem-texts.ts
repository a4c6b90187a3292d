/** What each problem means and what to do about it, for people: `docs/errors.md` and the page at `/docs/errors`. */
import type { ProblemCode } from './problems.ts'

interface ProblemText {
  means: string
  remedy: string
}

/** In Markdown, of which no more is used than `code` and links to other pages of docs/. */
export const PROBLEM_TEXTS: Record<ProblemCode, ProblemText> = {
  invalid_request: {
    means:
      'The path, the query, a header or the body does not fit the schema of the route. `errors` names each member that is wrong and why; a member that the route does not know is wrong too.',
    remedy: 'Mend what `errors` names. The schema of each route is in `/openapi.json`.',
  },
  invalid_json: {
    means:
      'The body cannot be parsed as JSON, is not UTF-8, has a name twice in one object or half of a surrogate pair, or nests more than 128 levels deep.',
    remedy: 'Send JSON (RFC 8259) in UTF-8 that can be read in one way only.',
  },
  body_incomplete: {
    means: 'The body broke off before its end.',
    remedy: 'Send it again.',
  },
  invalid_cursor: {
    means: 'The `cursor` is not one of ours, or belongs to another kind of list.',
    remedy: 'Use `next_cursor` of the answer before, unchanged, with the same list.',
  },
  invalid_idempotency_key: {
    means:
      'The key is not 1 to 255 visible ASCII characters, or is a message id that lies in the future; or a batch was given one for all its messages.',
    remedy:
      'Mend it: use an id that Postern gave you or a key of your own; in a batch each message has its own `idempotency_key`.',
  },
  invalid_expression: {
    means: 'A filter or transform does not compile as JSONata. `position` says where, if that is known.',
    remedy: 'Mend the expression.',
  },
  invalid_schema: {
    means: 'The JSON Schema of an event type cannot be used. `errors` says where and why.',
    remedy: 'Mend the schema.',
  },
  invalid_secret: {
    means: 'A signing secret of your own cannot be used: another prefix, no base64, or a wrong length.',
    remedy: 'See [Secrets](verifying-signatures.md#secrets), or let Postern make one.',
  },
  url_refused: {
    means:
      'The URL of an endpoint must not be called. `reason` is one of `too_long`, `not_a_url`, `scheme`, `credentials`, `fragment`, `port`, `private_address`, `ip_literal`, `local_name`, `not_a_name`.',
    remedy: 'Use a public https URL without user name, password or fragment.',
  },
  unauthorized: {
    means: 'There was no key, or one that is malformed, unknown, expired or revoked. Which of these is not said.',
    remedy: 'Send a valid key as `Authorization: Bearer pst_…`.',
  },
  verification_failed: {
    means: 'A source could not verify that its provider has sent this. Why is not said to whoever called.',
    remedy: 'The owner of the source reads the reason in its failures: [Sources](sources.md#when-verifying-fails).',
  },
  forbidden: {
    means:
      'The key lacks the permission that `detail` names, by its role or its scopes; or, having scopes, was to hand out more than it holds.',
    remedy: 'Use a key that holds the permission.',
  },
  address_not_allowed: {
    means: "The key's `ip_allowlist` does not have the address that called, or no address is known.",
    remedy: 'Call from an address of the list, or have the list changed.',
  },
  totp_required: {
    means: 'The key is enrolled for one-time codes, and the operation is sensitive.',
    remedy: 'Send a current code in the header `Postern-Totp`: [one-time codes](api-reference.md#one-time-codes).',
  },
  totp_invalid: {
    means: 'The one-time code is wrong, was used before, or is not six digits.',
    remedy: 'Read it from your authenticator again, or wait for the next.',
  },
  totp_enrolment_required: {
    means: 'One-time codes are demanded of every key, and this one is not enrolled.',
    remedy: 'Enrol it: `detail` says where.',
  },
  not_found: {
    means: 'It is not there, or belongs to another tenant: the two look the same.',
    remedy: 'Check the id, and the tenant in the path.',
  },
  method_not_allowed: {
    means: 'The path exists, but for other methods.',
    remedy: 'See the `Allow` header.',
  },
  request_timeout: {
    means: 'The body did not arrive within 30 seconds.',
    remedy: 'Send it again, faster.',
  },
  tenant_exists: {
    means: 'The id of the tenant is taken.',
    remedy: 'Choose another id.',
  },
  tenant_being_deleted: {
    means: 'A tenant of this id was deleted, and what it had is still being removed.',
    remedy: 'Try again in some hours, or choose another id.',
  },
  tenant_not_empty: {
    means: 'The tenant still has endpoints.',
    remedy: 'Delete them first, or say `?endpoints=delete`.',
  },
  event_type_exists: {
    means: 'The catalogue has an event type of this name.',
    remedy: 'Change it with `PATCH`.',
  },
  idempotency_conflict: {
    means: 'The idempotency key stands for another content; `message_id` says for which message.',
    remedy: 'Use a new key for new content.',
  },
  last_admin_key: {
    means: 'The tenant would be left without an admin key that can make keys.',
    remedy: 'Make one first, or repeat the request with `?confirm=true`.',
  },
  content_expired: {
    means: 'The retention of the event type of the message is over: there is nothing left to send.',
    remedy: 'Publish it again, under another key.',
  },
  content_erased: {
    means: 'The content was erased on behalf of its data subject: there is nothing left to send.',
    remedy: 'Publish it anew, if you may.',
  },
  wrong_state: {
    means: 'The present state does not allow it; `detail` says which state that is.',
    remedy: 'Look at it again, then decide.',
  },
  credentials_unused: {
    means:
      'The credentials of a source were to be rotated, but its provider has none: it proves nothing, or proves itself by a certificate of its own.',
    remedy:
      'There is nothing to rotate. Where the URL is all that keeps others out, a new source has one that nobody knows.',
  },
  master_key_changed: {
    means: 'The current master key is not the one that had its id before.',
    remedy:
      'Give the new key an id of its own: [master keys](master-keys.md#when-another-key-has-the-id-of-one-before).',
  },
  changed_meanwhile: {
    means: 'A change lost against other changes again and again.',
    remedy: 'Try again.',
  },
  payload_invalid: {
    means: '`data` does not fit the schema of its event type: `errors` says where, `schema_version` which version.',
    remedy: 'Mend the data, or name an older `schema_version`.',
  },
  event_type_unknown: {
    means: 'The tenant refuses event types that are not in its catalogue.',
    remedy: "Create the event type, or have the tenant's `unknown_event_types` changed.",
  },
  event_type_archived: {
    means: 'The event type is archived: its messages are refused.',
    remedy: 'Publish another type, or have this one brought back with `archived: false`.',
  },
  schema_version_unknown: {
    means: 'The event type has no such version of a schema.',
    remedy: 'See `schema_versions` of the event type.',
  },
  example_missing: {
    means: 'No data for a test message could be made from the schema of the event type.',
    remedy: 'Give the event type an `example`.',
  },
  limit_reached: {
    means: 'There are as many endpoints, event types, versions, schemas, keys or secrets as there may be.',
    remedy: 'Delete some, or ask the operator for more.',
  },
  payload_too_large: {
    means: "The payload is above the tenant's limit, or the body above the route's.",
    remedy: 'Send less, or ask the operator for more.',
  },
  uri_too_long: {
    means: 'The URL is longer than 8,192 characters.',
    remedy: 'Send less in it.',
  },
  unsupported_media_type: {
    means: 'The body is not declared as `application/json` in UTF-8, or is compressed.',
    remedy: 'Send `content-type: application/json`, and do not compress.',
  },
  headers_too_large: {
    means: 'There are more than 100 headers, or 32,768 characters in them.',
    remedy: 'Send less in them.',
  },
  rate_limited: {
    means: 'This key, this address or this tenant sends too much in a short time.',
    remedy: 'Wait as long as `Retry-After` says: [limits](api-reference.md#rate-limits-and-quotas).',
  },
  quota_exceeded: {
    means:
      'The tenant has published as many messages as it may in this month; `retry_after_s` says how long that lasts.',
    remedy: 'Wait as long as `Retry-After` says, or ask the operator for more.',
  },
  totp_locked: {
    means: 'There were too many wrong one-time codes in a row: none is accepted, right or wrong.',
    remedy: 'Wait as long as `Retry-After` says, or ask an operator to remove the enrolment.',
  },
  endpoint_full: {
    means:
      'Every endpoint that wants the message holds as many unfinished deliveries as it may; `endpoint_ids` names them.',
    remedy: 'Wait as long as `Retry-After` says, and find out why they do not drain.',
  },
  not_all_placed: {
    means: "Some deliveries of the message `message_id` are in nobody's custody.",
    remedy:
      'Repeat the request with the same `Idempotency-Key`, or with `message_id` as the key: nothing is sent twice.',
  },
  unavailable: {
    means:
      'The database, or the object of an endpoint, does not answer right now; or too many large bodies came at once.',
    remedy: 'Wait as long as `Retry-After` says, and try again.',
  },
  loop_detected: {
    means:
      'An attempt of Postern called the API of Postern: [why not](decisions/0024-postern-does-not-call-its-own-api.md).',
    remedy: 'Do not make the API an endpoint.',
  },
  secret_unsealable: {
    means: 'A secret cannot be decrypted: its master key is gone.',
    remedy:
      'Have the operator put the key back ([master keys](master-keys.md#when-a-key-is-lost-or-was-removed-too-early)), or rotate the secret.',
  },
  internal: {
    means: 'Something unexpected happened. It was logged under the request id, and nothing of it is shown.',
    remedy: 'Try again; if it stays, tell the operator the `request_id`.',
  },
}
