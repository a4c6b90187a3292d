/** What sources are in the API: what their owner may set, and how they are shown. */
import { z } from '@hono/zod-openapi'
import { eventTypeName } from '../event-types/contract.ts'
import { ipAllowlist } from '../http/ip-allowlist.ts'
import { tenantParam } from '../http/route.ts'
import { line } from '../http/text.ts'
import { time, toTime, toTimeOrNull } from '../http/time.ts'
import { channel, mediaType } from '../messages/fields.ts'
import { hasCredentials, overlapEnd } from './credentials.ts'
import { PROVIDER_NAMES } from './providers.ts'
import type { SourceRow } from './table.ts'

/** GitHub's, the largest of all. */
const BODY_BYTES_MAX = 25 * 1024 * 1024
/** As Stripe's own packages have it, and the Standard Webhooks specification. */
export const TOLERANCE_S = 300
/** For as long as PayPal sends a transmission again, which is the longest of all. */
const TOLERANCE_S_MAX = 3 * 86_400

/** Of an event type, so that a name of the provider still has room behind it. */
const PREFIX_LENGTH_MAX = 64

/** Statuses whose answers have no body (RFC 9110, sections 15.3.5 and 15.3.6). */
const BODILESS = [204, 205]

/** Providers that prove nothing. */
const UNVERIFIED: readonly string[] = ['none']

/** Any object: only the provider knows what is in it. Not `z.record`, which leaves out a member `__proto__` without a word. */
const members = (description: string) =>
  z
    .custom<Record<string, unknown>>((given) => typeof given === 'object' && given !== null && !Array.isArray(given), {
      message: 'must be an object',
    })
    .openapi({ type: 'object', additionalProperties: true, description })

const answer = z
  .strictObject({
    status: z.int().min(200).max(299),
    content_type: mediaType.default('text/plain'),
    body: z.string().max(4096).default(''),
  })
  .refine(({ status, body }) => body === '' || !BODILESS.includes(status), {
    path: ['body'],
    message: 'must be empty with a status of 204 or 205',
  })

/** Signed by some providers, called by nobody: it only has to be what the provider was told. */
const publicUrl = line(2048).superRefine((text, context) => {
  const url = URL.parse(text)
  const refuse = (message: string) => context.addIssue({ code: 'custom', message })
  if (url?.protocol !== 'https:' || /\s/.test(text)) return refuse('must be a URL that starts with https://')
  if (url.username !== '' || url.password !== '') return refuse('must not contain a user name or password')
  if (text.includes('#')) return refuse('must not have a fragment')
})

/** Every member on its own, required and without a default. */
const settable = {
  name: line(200).trim().min(1).openapi({ example: 'Stripe, live' }),
  settings: members('What its provider needs to be told besides; docs/sources.md has it for each'),
  tolerance_s: z.int().min(10).max(TOLERANCE_S_MAX).openapi({
    description: 'How far the time of signing may lie from ours, where the provider signs one',
    example: TOLERANCE_S,
  }),
  ip_allowlist: ipAllowlist('The only addresses that may send').nullable(),
  rate_limit_per_s: z
    .int()
    .min(1)
    .max(10_000)
    .nullable()
    .openapi({ description: 'Requests per second; null for no limit' }),
  body_bytes_max: z.int().min(1).max(BODY_BYTES_MAX).openapi({ description: 'The largest body that is taken' }),
  answer: answer.nullable().openapi({
    description: 'What the provider hears when its event was taken; null: what it expects',
    example: { status: 200, content_type: 'text/plain', body: 'ok' },
  }),
  event_type_prefix: eventTypeName.max(PREFIX_LENGTH_MAX).openapi({
    description: 'What its event types begin with (default: the name of the provider)',
    example: 'stripe',
  }),
  channels: z
    .array(channel)
    .max(20)
    .openapi({ description: 'Channels of its messages', example: ['eu'] }),
  public_url: publicUrl.nullable().openapi({
    description: 'What the provider calls, if a proxy before Postern makes another URL of it: some providers sign it',
    example: 'https://hooks.acme.com/stripe',
  }),
  paused: z.boolean().openapi({ description: 'Accepts, and delivers when it goes on' }),
}

const provider = z.enum(PROVIDER_NAMES).openapi({ description: 'Who sends; it cannot be changed', example: 'github' })

const credentials = members(
  'What its provider signs with, or what it proves itself by; docs/sources.md has it for each',
)

export const createBody = z
  .strictObject({
    ...settable,
    provider,
    credentials: credentials.optional().openapi({
      description:
        'Left out: made, where the provider lets its receiver choose them; else they are given by a rotation',
    }),
    settings: settable.settings.default({}),
    tolerance_s: settable.tolerance_s
      .optional()
      .openapi({ description: 'Default: 300, or what the retries of its provider need' }),
    ip_allowlist: settable.ip_allowlist.default(null),
    rate_limit_per_s: settable.rate_limit_per_s.default(null),
    body_bytes_max: settable.body_bytes_max.default(BODY_BYTES_MAX),
    answer: settable.answer.default(null),
    event_type_prefix: settable.event_type_prefix.optional(),
    channels: settable.channels.default([]),
    public_url: settable.public_url.default(null),
    paused: settable.paused.default(false),
  })
  .openapi('CreateSource')

export const patchBody = z.strictObject(settable).partial().openapi('UpdateSource')

export const rotateBody = z
  .strictObject({
    credentials: credentials.optional().openapi({ description: 'Left out: made, as when it was created' }),
    overlap_s: z
      .int()
      .min(0)
      .max(604_800)
      .default(86_400)
      .openapi({ description: 'How long the credentials before are still believed, at most' }),
  })
  .openapi('RotateSourceCredentials')

export type NewSource = z.output<typeof createBody>
export type SourceChange = z.output<typeof patchBody>
export type WantedCredentials = z.output<typeof rotateBody>

export const sourceParam = tenantParam.extend({
  source: z.string().openapi({ example: 'src_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
})

export const sourceSchema = z
  .object({
    id: z.string().openapi({ example: 'src_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
    url: z.string().openapi({
      description: 'What to give to the provider',
      example: 'https://postern.acme.com/in/src_01JD9Z6Q3V8M4T2K7N5B1C0XYE',
    }),
    provider,
    ...settable,
    // As it is stored: the input's transform has made the networks canonical.
    ip_allowlist: z.array(z.string()).nullable(),
    is_verified: z.boolean().openapi({ description: 'False: anybody who knows its URL is believed' }),
    has_credentials: z
      .boolean()
      .openapi({ description: 'False: it refuses everything until a rotation gives it some' }),
    credentials_expire_at: time
      .nullable()
      .openapi({ description: 'Until when the credentials before the last rotation are still believed' }),
    paused_at: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .openapi('Source')

export const sourceWithCredentialsSchema = sourceSchema
  .extend({
    credentials: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({ description: 'Those that were made, shown this once; null for your own' }),
  })
  .openapi('SourceWithCredentials')

/** A source as the audit log shows it: with when its credentials were given, and no more of them. */
export function toAuditedSource(row: SourceRow) {
  return {
    ...settingsOf(row),
    paused_at: toTimeOrNull(row.paused_at),
    credentials: row.credentials.map(({ created_at, expires_at }) => ({ created_at, expires_at })),
  }
}

/**
 * A source as the API shows it: without its credentials.
 * @param origin under which Postern was asked, and is called
 */
export function toSourceJson(row: SourceRow, origin: string, now: number): z.output<typeof sourceSchema> {
  return {
    id: row.id,
    url: `${origin}/in/${row.id}`,
    ...settingsOf(row),
    is_verified: !UNVERIFIED.includes(row.provider),
    has_credentials: hasCredentials(row, now),
    credentials_expire_at: toTimeOrNull(overlapEnd(row.credentials, now)),
    paused_at: toTimeOrNull(row.paused_at),
    created_at: toTime(row.created_at),
    updated_at: toTime(row.updated_at),
  }
}

function settingsOf(row: SourceRow) {
  return {
    name: row.name,
    provider: row.provider,
    settings: row.settings,
    tolerance_s: row.tolerance_s,
    ip_allowlist: row.ip_allowlist,
    rate_limit_per_s: row.rate_limit_per_s,
    body_bytes_max: row.body_bytes_max,
    answer: row.answer,
    event_type_prefix: row.event_type_prefix,
    channels: row.channels,
    public_url: row.public_url,
    paused: row.paused_at !== null,
  }
}
