import { z } from '@hono/zod-openapi'
import { fromBase64, fromHex, toHex } from '../../lib/hash.ts'
import { ok, type Result } from '../../lib/result.ts'
import { encodeUtf8 } from '../../lib/utf8.ts'
import { defineProvider } from '../provider.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { fillContent, hasItsEnd, parseContent } from '../schemes/content-template.ts'
import { decodeSignature, type Encoding } from '../schemes/encoding.ts'
import { headerName, isCredentialHeader, soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'
import { identifyBy, selectedHeaders, selectors } from '../schemes/selectors.ts'
import { checkTime, parseUnix } from '../schemes/timestamp.ts'

const settings = z
  .strictObject({
    ...selectors,
    /** Carries the signature. */
    header: headerName,
    algorithm: z.enum(['sha1', 'sha256', 'sha384', 'sha512']).default('sha256'),
    encoding: z.enum(['hex', 'base64', 'base64url']).default('hex'),
    /** What stands before each signature. */
    prefix: z
      .string()
      .max(32)
      .regex(/^[\x20-\x7e]*$/)
      .default(''),
    /** What stands between several signatures, of which one has to be right. Left out, there is one. */
    separator: z.enum([',', ' ']).optional(),
    /** What is signed. */
    content: z.string().max(256).default('{body}'),
    timestamp_header: headerName.optional(),
    timestamp_unit: z.enum(['s', 'ms']).default('s'),
    id_header: headerName.optional(),
    /** What the secret is of the key's bytes. */
    key_encoding: z.enum(['utf8', 'hex', 'base64']).default('utf8'),
  })
  .superRefine(({ content, timestamp_header, id_header }, context) => {
    const parts = parseContent(content)
    const complain = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (!parts.ok) return complain('content', parts.error)
    for (const [path, header, part] of [
      ['timestamp_header', timestamp_header, '{timestamp}'],
      ['id_header', id_header, '{id}'],
    ] as const) {
      // What is not signed proves nothing, and what is signed has to be somewhere.
      if ((header !== undefined) !== parts.value.includes(part)) complain(path, `goes with ${part} in \`content\``)
    }
  })

type Settings = z.output<typeof settings>

/** HMAC (RFC 2104) by the description of whoever signs: for all that Postern has no preset for. */
export const hmac = defineProvider({
  title: 'HMAC',
  specification: 'https://www.rfc-editor.org/rfc/rfc2104',
  credentials: z.strictObject({ secret: z.string().min(8).max(512) }),
  settings,
  forwards: [],
  alsoForwards: ({ header, timestamp_header, id_header, ...selected }) =>
    [header, timestamp_header ?? [], id_header ?? [], selectedHeaders(selected)]
      .flat()
      .filter((name) => !isCredentialHeader(name)),
  misfit: ({ secret }, { key_encoding }) =>
    readKey(secret, key_encoding) === null
      ? { member: 'secret', message: `must be ${key_encoding}, as the settings say` }
      : null,
  // Hexadecimal, which is base64 and a text as well.
  invent: (random) => ({ secret: toHex(random(32)) }),

  verify({ headers, url, body }, { credentials, settings, ...clock }) {
    const header = soleHeader(headers, settings.header)
    if (!header.ok) return header
    const codes = readCodes(header.value, settings)
    if (!codes.ok) return codes
    const timestamp = readSigned(headers, settings.timestamp_header)
    if (!timestamp.ok) return timestamp
    const id = readSigned(headers, settings.id_header)
    if (!id.ok) return id
    if (hasItsEnd(id.value, settings.content)) return refuse('malformed_signature')
    const is_timed = settings.timestamp_header !== undefined
    const signed_at = is_timed ? parseUnix(timestamp.value, settings.timestamp_unit) : ok(clock.now)
    if (!signed_at.ok) return signed_at
    const parts = fillContent(settings.content, { timestamp: timestamp.value, id: id.value, url, body })
    const keys = credentials.flatMap(({ secret }) => readKey(secret, settings.key_encoding) ?? [])
    if (keys.length === 0) return refuse('no_credentials')
    const verdict = matchesAny(settings.algorithm, keys, parts, codes.value)
    return verdict.ok ? checkTime(signed_at.value, clock) : verdict
  },

  identify(request, { timestamp_header, id_header, ...selected }) {
    const { id, type } = identifyBy(request, selected)
    const headerValue = (name: string | undefined) => (name === undefined ? null : request.headers.get(name))
    return { id: id ?? headerValue(id_header), type, sent_at: headerValue(timestamp_header) }
  },
})

function readSigned(headers: Headers, name: string | undefined): Result<string, Refusal> {
  return name === undefined ? ok('') : soleHeader(headers, name)
}

/** Of several signatures those without the prefix are of other schemes, and are not looked at. */
function readCodes(
  header: string,
  { prefix, separator, encoding }: Pick<Settings, 'prefix' | 'separator'> & { encoding: Encoding },
): Result<Uint8Array[], Refusal> {
  const written = separator === undefined ? [header] : header.split(separator)
  const codes: Uint8Array[] = []
  for (const text of written.filter((one) => one.startsWith(prefix))) {
    const code = decodeSignature(text.slice(prefix.length), encoding)
    if (!code.ok) return code
    codes.push(code.value)
  }
  return codes.length > 0 ? ok(codes) : refuse('malformed_signature')
}

/** Null when the secret is not written in the way that the settings say. */
function readKey(secret: string, encoding: Settings['key_encoding']): Uint8Array | null {
  if (encoding === 'utf8') return encodeUtf8(secret)
  const key = encoding === 'hex' ? fromHex(secret) : fromBase64(secret)
  return key.ok ? key.value : null
}
