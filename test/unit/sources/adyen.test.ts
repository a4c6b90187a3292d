import { hmacValidator } from '@adyen/api-library'
import { describe, expect, it } from 'vitest'
import { adyen as sampler } from '../../../scripts/samples/adyen.ts'
import { adyen as provider } from '../../../src/sources/providers/adyen.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

const HEADER = 'hmacsignature'
const validator = new hmacValidator()

const text = (body: Uint8Array) => new TextDecoder().decode(body)
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const itemOf = (body: Uint8Array) => JSON.parse(text(body)).notificationItems[0].NotificationRequestItem

const { 'balancePlatform.transfer.updated': transfer, ...standard } = sampler.events
if (transfer === undefined) throw new Error('no sample of a platform webhook')

describeScheme('Adyen (standard webhooks)', {
  provider,
  sampler: { ...sampler, events: standard },
  sign(body, _occasion, { signing_key }) {
    const payload = JSON.parse(text(body))
    const item = payload.notificationItems[0].NotificationRequestItem
    item.additionalData = { hmacSignature: validator.calculateHmac(item, signing_key) }
    return { headers: {}, body: bytes(payload) }
  },
  believes: ({ body }, { signing_key }) => validator.validateHMAC(itemOf(body), signing_key),
  signs: 'text',
  signature_headers: [],
  is_timed: false,
  covers_body: 'in_part',
  takes_any_body: false,
})

describeScheme('Adyen (platform webhooks)', {
  provider,
  sampler: { ...sampler, events: { 'balancePlatform.transfer.updated': transfer } },
  sign: (body, _occasion, { signing_key }) => ({
    headers: { [HEADER]: validator.calculateHmac(text(body), signing_key) },
  }),
  believes: ({ body, headers }, { signing_key }) =>
    validator.validateHMACSignature(signing_key, headers.get(HEADER) ?? '', text(body)),
  signs: 'text',
  signature_headers: [HEADER],
  is_timed: false,
  covers_body: true,
})

// https://github.com/Adyen/adyen-node-api-library/blob/main/src/__tests__/hmacValidator.spec.ts
const hmac_key = 'DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00'
const ITEM = {
  pspReference: 'pspReference',
  originalReference: 'originalReference',
  merchantAccountCode: 'merchantAccount',
  merchantReference: 'reference',
  amount: { currency: 'EUR', value: 1000 },
  eventCode: 'CAPTURE',
  eventDate: '1970-01-01T00:00:00.000Z',
  paymentMethod: 'VISA',
  reason: 'reason',
  success: 'true',
  additionalData: { hmacSignature: 'xhpHvYq2u2Np0rstbZ6QjLGu7JWhvf7Iwaa6EviJSX0=' },
}
const invented = { signing_key: hmac_key, credentials: { hmac_key } }

describe('Adyen', () => {
  const verify = (body: unknown, headers: Record<string, string> = {}) =>
    provider.verify(requestOf({ headers }, bytes(body)), givenBy({ provider }, [invented]))
  const payloadOf = (...items: unknown[]) => ({
    live: 'false',
    notificationItems: items.map((item) => ({ NotificationRequestItem: item })),
  })
  const MISMATCH = { ok: false, error: 'signature_mismatch' }
  const MALFORMED = { ok: false, error: 'malformed_signature' }

  it('believes what the tests of Adyen’s package show', async () => {
    expect(await verify(payloadOf(ITEM))).toEqual({ ok: true })
  })

  it.each([
    { pspReference: 'other' },
    { originalReference: undefined },
    { merchantAccountCode: 'other' },
    { merchantReference: 'reference2' },
    { amount: { currency: 'EUR', value: 1001 } },
    { amount: { currency: 'USD', value: 1000 } },
    { eventCode: 'REFUND' },
    { success: 'false' },
  ])('refuses an item of which another of the signed members was changed: %j', async (change) => {
    expect(await verify(payloadOf({ ...ITEM, ...change }))).toEqual(MISMATCH)
  })

  it.each([{ reason: 'other' }, { eventDate: '2026-01-01T00:00:00Z' }, { paymentMethod: 'other' }])(
    'does not see what is not signed: %j',
    async (change) => {
      expect(await verify(payloadOf({ ...ITEM, ...change }))).toEqual({ ok: true })
    },
  )

  it('signs a colon as it is, as all packages of Adyen do', async () => {
    const item = { ...ITEM, merchantReference: '14-08-2020-09:53:00 \\' }
    const hmacSignature = validator.calculateHmac(item as never, hmac_key)
    expect(await verify(payloadOf({ ...item, additionalData: { hmacSignature } }))).toEqual({ ok: true })
  })

  it('reads what is signed in one way only, though nothing tells a colon from what joins the members', async () => {
    const item = { ...ITEM, originalReference: undefined, merchantReference: 'order:7' }
    const hmacSignature = validator.calculateHmac(item as never, hmac_key)
    const signed = { ...item, additionalData: { hmacSignature } }
    expect(await verify(payloadOf(signed))).toEqual({ ok: true })
    for (const moved of [
      {
        originalReference: 'merchantAccount',
        merchantAccountCode: 'order',
        merchantReference: '7',
        pspReference: 'pspReference:',
      },
      { originalReference: ':merchantAccount', merchantAccountCode: 'order', merchantReference: '7' },
      { merchantAccountCode: 'merchantAccount:order', merchantReference: '7' },
    ])
      expect(await verify(payloadOf({ ...signed, ...moved }))).toEqual(MALFORMED)
  })

  it('refuses a second item, signed or not', async () => {
    expect(await verify(payloadOf(ITEM, ITEM))).toEqual(MALFORMED)
    expect(await verify(payloadOf(ITEM, { ...ITEM, additionalData: {} }))).toEqual(MALFORMED)
    expect(await verify(payloadOf(ITEM, 1, 2))).toEqual({ ok: false, error: 'missing_signature' })
    expect(await verify(payloadOf())).toEqual({ ok: false, error: 'missing_signature' })
  })

  it.each([
    ['in the item', (json: string) => json.replace('"success"', '"pspReference":"another","success"')],
    ['of the amount', (json: string) => json.replace('"value":1000', '"value":1000,"value":1')],
    ['of the items', (json: string) => json.replace(/\}$/, ',"notificationItems":[]}')],
    ['written in another way', (json: string) => json.replace('"success"', '"event\\u0043ode":"REFUND","success"')],
    ['in another case', (json: string) => json.replace('"success"', '"EventCode":"REFUND","success"')],
    ['of the items, in another case', (json: string) => json.replace(/\}$/, ',"NotificationItems":[]}')],
    ['in a case that only some know', (json: string) => json.replace('"success"', '"\u017fuccess":"false","success"')],
    ['behind what is no JSON', (json: string) => json.replace('{', '{"\\x":"","live":"true",')],
    ['in front of what is no JSON', (json: string) => `${json}${json.replace('true', 'false')}`],
  ])('refuses a name that is there twice, of which readers take the one or the other: %s', async (_where, forge) => {
    expect(await verify(forge(JSON.stringify(payloadOf(ITEM))))).toEqual(MALFORMED)
  })

  it('lets a merchant choose the names of what is not signed', async () => {
    const additionalData = { ...ITEM.additionalData, 'metadata.id': '1', 'metadata.ID': '2' }
    expect(await verify(payloadOf({ ...ITEM, additionalData }))).toEqual({ ok: true })
  })

  it('takes the signature of a header for the body, and of a body for its item, never the other way', async () => {
    const { hmacSignature } = ITEM.additionalData
    expect(await verify(payloadOf(ITEM), { [HEADER]: hmacSignature })).toEqual(MISMATCH)
    const text = 'pspReference:originalReference:merchantAccount:reference:1000:EUR:CAPTURE:true'
    expect(validator.calculateHmac(text, hmac_key)).toBe(hmacSignature)
    expect(await verify(text, { [HEADER]: hmacSignature })).toEqual(MALFORMED)
    const body = JSON.stringify({ a: '1', b: '2', c: '3', d: '4', e: '5', f: '6', g: '7', h: '8' })
    const [
      pspReference,
      originalReference,
      merchantAccountCode,
      merchantReference,
      value,
      currency,
      eventCode,
      ...rest
    ] = body.split(':')
    const forged = {
      ...{ pspReference, originalReference, merchantAccountCode, merchantReference, eventCode },
      ...{ amount: { value, currency }, success: rest.join(':') },
      additionalData: { hmacSignature: validator.calculateHmac(body, hmac_key) },
    }
    expect(await verify(payloadOf(forged))).toEqual(MALFORMED)
  })

  it('tells events apart by code, reference and success', async () => {
    const idOf = (item: unknown) => provider.identify(requestOf({ headers: {} }, bytes(payloadOf(item))), {})
    expect(idOf(ITEM)).toEqual({ id: 'CAPTURE:pspReference:true', type: 'CAPTURE' })
    expect(idOf({ ...ITEM, success: 'false' }).id).not.toBe(idOf(ITEM).id)
    expect(idOf({ eventCode: 'CAPTURE' })).toEqual({ id: null, type: 'CAPTURE' })
  })

  it('knows a platform webhook by its body only: what is called its id is that of a payment', () => {
    const identify = (type: string) =>
      provider.identify(
        requestOf({ headers: { [HEADER]: 'x' } }, bytes({ type, eventId: 'QBQQ9DLNRHHKGK38', data: {} })),
        {},
      )
    expect(identify('recurring.token.created')).toEqual({ id: null, type: 'recurring.token.created' })
  })

  it('answers what Adyen has always wanted to hear', () => {
    expect(provider.answer?.body).toBe('[accepted]')
  })
})
