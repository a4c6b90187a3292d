import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { equalInConstantTime, toHex } from '../../lib/hash.ts'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider, type InboundRequest } from '../provider.ts'
import { refuse } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { type Parameter, parseForm, readForm } from '../schemes/form.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'

/** Of the URL, in requests that do not bring a form: the hash of the body, and thereby signed too. */
const BODY_HASH = 'bodySHA256'

/**
 * HMAC-SHA1, in base64, of the URL that was called and, where the body is a form, of its parameters sorted by name. Nothing
 * says when it was signed. Which parameter a letter belongs to is not signed either: that is how Twilio signs.
 */
export const twilio = defineProvider({
  title: 'Twilio',
  specification: 'https://www.twilio.com/docs/usage/webhooks/webhooks-security',
  credentials: z.strictObject({
    auth_token: z.string().regex(/^\S{16,256}$/, 'must be the auth token of the account, 32 hexadecimal digits'),
  }),
  settings: z.strictObject({}),
  forwards: ['x-twilio-*', 'i-twilio-idempotency-token'],
  // What says to a call or a message that there is nothing to do. Anything but TwiML is an error in Twilio's console.
  answer: { status: 200, headers: { 'content-type': 'text/xml' }, body: '<Response/>' },

  verify(request, { credentials }) {
    const header = soleHeader(request.headers, 'x-twilio-signature')
    if (!header.ok) return header
    const code = decodeSignature(header.value, 'base64')
    if (!code.ok) return code
    const signed = signedParts(request)
    if (signed === null) return refuse('signature_mismatch')
    const tokens = credentials.map(({ auth_token }) => auth_token)
    // With and without the port: which of the two was signed depends on the product (Twilio's own validators try both).
    const verdicts = urlsOf(request.url).map((url) => matchesAny('sha1', tokens, [url, ...signed], [code.value]))
    return verdicts.find(({ ok }) => ok) ?? refuse('signature_mismatch')
  },

  identify({ url, headers, body }) {
    const id = headers.get('i-twilio-idempotency-token')
    return { id, type: bodyHashOf(url) === null ? typeOfForm(body) : typeOfJson(body) }
  },
})

/** What is signed behind the URL; null when the body is not the one that was signed, whoever has signed the URL. */
function signedParts({ url, body }: InboundRequest): Uint8Array[] | null {
  const body_hash = bodyHashOf(url)
  if (body_hash === null) return partsOfForm(body)
  return equalInConstantTime(body_hash, toHex(createHash('sha256').update(body).digest())) ? [] : null
}

/** Read without `URL`, which throws on what is none. */
function bodyHashOf(url: string): string | null {
  const query = url.split('#', 1)[0]?.split('?').slice(1).join('?')
  return new URLSearchParams(query).get(BODY_HASH)
}

/** Names and values by turns, sorted by both, and what is there twice once. */
function partsOfForm(body: Uint8Array): Uint8Array[] | null {
  const sorted = parseForm(body)?.sort(compare)
  if (sorted === undefined) return null
  return sorted.flatMap((parameter, at) => {
    const before = sorted[at - 1]
    return before !== undefined && compare(before, parameter) === 0 ? [] : [parameter.name, parameter.value]
  })
}

function compare(a: Parameter, b: Parameter): number {
  return compareBytes(a.name, b.name) || compareBytes(a.value, b.value)
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

const AUTHORITY = /^(https?):\/\/([^/?#]*)/i
const PORT = /:\d*$/

/** A URL without its port, and with: the one that it has, or the usual one. */
function urlsOf(url: string): string[] {
  const [whole, scheme, authority] = AUTHORITY.exec(url) ?? []
  if (whole === undefined || scheme === undefined || authority === undefined) return [url]
  const rest = url.slice(whole.length)
  const host = authority.replace(PORT, '')
  const port = PORT.exec(authority)?.[0] ?? (scheme.toLowerCase() === 'https' ? ':443' : ':80')
  return [`${scheme}://${host}${rest}`, `${scheme}://${host}${port}${rest}`]
}

/** Forms seldom say what they are, but what something has become, in a parameter of its own for each kind of thing. */
const STATES = [
  ['RecordingStatus', 'recording'],
  ['MessageStatus', 'message'],
  ['SmsStatus', 'message'],
  ['CallStatus', 'call'],
] as const

function typeOfForm(body: Uint8Array): string | null {
  const read = readForm(body)
  const event = read('EventType') ?? read('StatusCallbackEvent')
  if (event !== undefined) return event
  for (const [name, thing] of STATES) {
    const state = read(name)
    if (state !== undefined) return `${thing}.${state}`
  }
  return null
}

/** Event Streams sends a list of CloudEvents. */
function typeOfJson(body: Uint8Array): string | null {
  return pickText(body, [0, 'type']) ?? pickText(body, ['type']) ?? pickText(body, ['EventType']) ?? null
}
