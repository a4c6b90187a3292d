import { z } from '@hono/zod-openapi'
import { fromHex } from '../../lib/hash.ts'
import { EACH, pickAll, pickJson, pickText } from '../../lib/json-pick.ts'
import { defineProvider, type InboundRequest } from '../provider.ts'
import { refuse, type Verdict } from '../refusal.ts'
import { decodeSignature } from '../schemes/encoding.ts'
import { soleHeader } from '../schemes/header.ts'
import { matchesAny } from '../schemes/hmac.ts'
import { parseUnambiguous } from '../schemes/unambiguous.ts'

const HEADER = 'hmacsignature'

const ITEM = ['notificationItems', 0, 'NotificationRequestItem'] as const
const SIGNATURES = ['notificationItems', EACH, 'NotificationRequestItem', 'additionalData', 'hmacSignature'] as const

const utf8 = new TextDecoder()

/** What is signed of an item, in this order. */
const SIGNED = [
  ['pspReference'],
  ['originalReference'],
  ['merchantAccountCode'],
  ['merchantReference'],
  ['amount', 'value'],
  ['amount', 'currency'],
  ['eventCode'],
  ['success'],
] as const

/** Whatever the merchant calls a payment; all others are numbers and names of Adyen's. */
const FREE_TEXT = 'merchantReference'

/** A few KiB, but for what a merchant adds. */
const LIMITS = { bytes_max: 256 * 1024, path: [...ITEM, 'amount'] }

/**
 * HMAC-SHA256 with a key in hexadecimal, as base64. Platform webhooks have it of their body in a header. Standard webhooks
 * have it in the body, of eight members of their one item: nothing else of it is signed. Neither says when.
 */
export const adyen = defineProvider({
  title: 'Adyen',
  specification: 'https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures',
  credentials: z.strictObject({
    hmac_key: z.string().regex(/^(?:[0-9a-fA-F]{2}){16,64}$/, 'must be the HMAC key as Adyen shows it, hexadecimal'),
  }),
  settings: z.strictObject({}),
  forwards: [HEADER],
  answer: { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '[accepted]' },

  verify(request, { credentials }) {
    const keys = credentials.map(({ hmac_key }) => fromHex(hmac_key)).flatMap((key) => (key.ok ? [key.value] : []))
    return isOfPlatform(request) ? verifyBody(request, keys) : verifyItem(request, keys)
  },

  identify(request) {
    const { body } = request
    // The `eventId` of some is the reference of the payment that made them come: another one may have it as well.
    if (isOfPlatform(request)) return { id: null, type: pickText(body, ['type']) ?? null }
    const [code, reference, success] = ['eventCode', 'pspReference', 'success'].map((name) => textAt(body, [name]))
    if (code === '' || reference === '') return { id: null, type: code || null }
    // Adyen takes two of the same code and reference for one event; but what failed may have succeeded later.
    return { id: `${code}:${reference}:${success}`, type: code ?? null }
  },
})

/** The header decides, whatever the body is: who leaves it out has to make the other signature. */
function isOfPlatform({ headers }: InboundRequest): boolean {
  return headers.has(HEADER)
}

function verifyBody({ headers, body }: InboundRequest, keys: readonly Uint8Array[]): Verdict {
  const header = soleHeader(headers, HEADER)
  if (!header.ok) return header
  const code = decodeSignature(header.value, 'base64')
  // No JSON ends so, but what is signed of an item does.
  if (/:(?:true|false)$/.test(utf8.decode(body.subarray(-6)))) return refuse('malformed_signature')
  return code.ok ? matchesAny('sha256', keys, [body], [code.value]) : code
}

function verifyItem({ body }: InboundRequest, keys: readonly Uint8Array[]): Verdict {
  // JSON has had one item a request since it exists (SOAP has more): a second one would be unsigned or somebody else's.
  const [signature, ...more] = pickAll(body, SIGNATURES, 2) ?? []
  if (typeof signature !== 'string') return refuse('missing_signature')
  if (more.length > 0 || parseUnambiguous(body, LIMITS) === undefined) return refuse('malformed_signature')
  const code = decodeSignature(signature, 'base64')
  if (!code.ok) return code
  const values = SIGNED.map((path) => textAt(body, path))
  // Joined without escaping (https://github.com/Adyen/adyen-python-api-library/issues/117): if any of them could have a colon,
  // the same text would be that of another payment as well.
  if (values.some((value, at) => value.includes(':') && SIGNED[at]?.[0] !== FREE_TEXT))
    return refuse('malformed_signature')
  // A platform webhook signed with the same key would end otherwise: its text is never that of an item.
  if (!['true', 'false'].includes(values.at(-1) ?? '')) return refuse('malformed_signature')
  return matchesAny('sha256', keys, [values.join(':')], [code.value])
}

/** A member of the item as it is signed: empty where there is none. */
function textAt(body: Uint8Array, path: readonly string[]): string {
  return String(pickJson(body, [...ITEM, ...path]) ?? '')
}
