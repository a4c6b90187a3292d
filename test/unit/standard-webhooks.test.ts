/// <reference types="node" />
import { createHmac, createPrivateKey, createPublicKey, verify } from 'node:crypto'
import fc from 'fast-check'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { describe, expect, it } from 'vitest'
import {
  createSecret,
  importSigningKey,
  parseSecret,
  publicKeyOf,
  type SigningKey,
  signatureHeader,
} from '../../src/signatures/standard-webhooks.ts'

const ID = 'msg_01J9Z3K4M5N6P7Q8R9S0T1V2W3'
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
const base64 = (length: number) => Buffer.from(random(length)).toString('base64')
const utf8 = (text: string) => new TextEncoder().encode(text)

async function keyOf(secret: string): Promise<SigningKey> {
  const key = await importSigningKey(secret)
  if (!key.ok) throw new Error(key.error)
  return key.value
}

/** The headers of a delivery signed now, with all these secrets. */
async function signedHeaders(secrets: readonly string[], body: Uint8Array) {
  const timestamp_s = Math.floor(Date.now() / 1000)
  const keys = await Promise.all(secrets.map(keyOf))
  return {
    'webhook-id': ID,
    'webhook-timestamp': String(timestamp_s),
    'webhook-signature': await signatureHeader(keys, ID, timestamp_s, body),
  }
}

function signedBytes(headers: Record<string, string>, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), body])
}

/** A receiver that knows the public key alone, written against RFC 8410 and node:crypto. */
function verifiesWithPublicKey(public_key: string, headers: Record<string, string>, body: Uint8Array): boolean {
  const spki = Buffer.concat([
    Buffer.from('302a300506032b6570032100', 'hex'),
    Buffer.from(public_key.replace('whpk_', ''), 'base64'),
  ])
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  return (headers['webhook-signature'] ?? '')
    .split(' ')
    .filter((signature) => signature.startsWith('v1a,'))
    .some((signature) => verify(null, signedBytes(headers, body), key, Buffer.from(signature.slice(4), 'base64')))
}

const verifiers = [
  ['standardwebhooks', StandardWebhook],
  ['svix', SvixWebhook],
] as const

/** Both packages throw on a signature that does not hold; what else `verify` answers is theirs to choose. */
function accepts(
  Webhook: (typeof verifiers)[number][1],
  secret: string,
  body: string,
  headers: Record<string, string>,
): boolean {
  new Webhook(secret).verify(body, headers)
  return true
}

describe.each(verifiers)('a v1 signature, checked by the package %s', (_name, Webhook) => {
  it('holds for a new secret', async () => {
    const { secret } = await createSecret('hmac', random)
    const body = '{"type":"invoice.paid","data":{"amount":250}}'
    const headers = await signedHeaders([secret], utf8(body))
    expect(accepts(Webhook, secret, body, headers)).toBe(true)
  })

  it('holds for any unicode text', async () => {
    const { secret } = await createSecret('hmac', random)
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), async (text) => {
        const body = JSON.stringify({ text })
        expect(accepts(Webhook, secret, body, await signedHeaders([secret], utf8(body)))).toBe(true)
      }),
    )
  })

  it.each([24, 32, 64])('holds for a secret of %i bytes that a user brought along', async (length) => {
    const secret = `whsec_${base64(length)}`
    expect(accepts(Webhook, secret, '{}', await signedHeaders([secret], utf8('{}')))).toBe(true)
  })

  it('holds for each of several secrets while they overlap, and for no other', async () => {
    const secrets = [base64(32), base64(24), base64(64)].map((text) => `whsec_${text}`)
    const headers = await signedHeaders(secrets, utf8('{"n":1}'))
    expect(headers['webhook-signature'].split(' ')).toHaveLength(3)
    for (const secret of secrets) expect(accepts(Webhook, secret, '{"n":1}', headers)).toBe(true)
    expect(() => new Webhook(`whsec_${base64(32)}`).verify('{"n":1}', headers)).toThrow('No matching signature')
  })

  it('holds beside a v1a signature, which the receiver passes over', async () => {
    const { secret: asymmetric } = await createSecret('ed25519', random)
    const { secret } = await createSecret('hmac', random)
    const headers = await signedHeaders([asymmetric, secret], utf8('{}'))
    expect(headers['webhook-signature']).toMatch(/^v1a,\S+ v1,\S+$/)
    expect(accepts(Webhook, secret, '{}', headers)).toBe(true)
  })

  it.each([
    ['body', { body: '{"n":2}' }],
    ['id', { 'webhook-id': 'msg_other' }],
    ['timestamp', { 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 60) }],
  ])('does not hold for another %s', async (_part, { body = '{"n":1}', ...changed }: Record<string, string>) => {
    const { secret } = await createSecret('hmac', random)
    const headers = { ...(await signedHeaders([secret], utf8('{"n":1}'))), ...changed }
    expect(() => new Webhook(secret).verify(body, headers)).toThrow('No matching signature')
  })
})

describe('a v1 signature over bytes', () => {
  // The packages decode a body as text before they verify, so bytes that are no text need another judge.
  it('covers bytes that are not text, as node:crypto computes it', async () => {
    const secret = `whsec_${base64(32)}`
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1000 }), async (body) => {
        const headers = await signedHeaders([secret], body)
        const hmac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(signedBytes(headers, body))
        expect(headers['webhook-signature']).toBe(`v1,${hmac.digest('base64')}`)
      }),
    )
  })

  it('covers an inbound body of 25 MiB and an empty one', async () => {
    const secret = `whsec_${base64(32)}`
    for (const body of [new Uint8Array(25 * 1024 * 1024).fill(0xff), new Uint8Array(0)]) {
      const headers = await signedHeaders([secret], body)
      const hmac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(signedBytes(headers, body))
      expect(headers['webhook-signature']).toBe(`v1,${hmac.digest('base64')}`)
    }
  })
})

// Neither standardwebhooks nor svix verifies v1a in JavaScript (both skip what is not v1), so node:crypto does.
describe('a v1a signature, checked by node:crypto', () => {
  it('holds for the public key that was shown with the secret', async () => {
    const { secret, public_key } = await createSecret('ed25519', random)
    if (public_key === null) throw new Error('an Ed25519 secret has a public key')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (body) => {
        const headers = await signedHeaders([secret], body)
        expect(headers['webhook-signature']).toMatch(/^v1a,[A-Za-z0-9+/]{86}==$/)
        expect(verifiesWithPublicKey(public_key, headers, body)).toBe(true)
      }),
    )
  })

  it('does not hold for another body or another key', async () => {
    const [own, other] = [await createSecret('ed25519', random), await createSecret('ed25519', random)]
    const headers = await signedHeaders([own.secret], utf8('{"n":1}'))
    expect(verifiesWithPublicKey(own.public_key ?? '', headers, utf8('{"n":1}'))).toBe(true)
    expect(verifiesWithPublicKey(own.public_key ?? '', headers, utf8('{"n":2}'))).toBe(false)
    expect(verifiesWithPublicKey(other.public_key ?? '', headers, utf8('{"n":1}'))).toBe(false)
  })

  it('holds for both keys while they overlap', async () => {
    const pair = [await createSecret('ed25519', random), await createSecret('ed25519', random)]
    const body = utf8('{}')
    const headers = await signedHeaders(
      pair.map(({ secret }) => secret),
      body,
    )
    for (const { public_key } of pair) expect(verifiesWithPublicKey(public_key ?? '', headers, body)).toBe(true)
  })

  it('follows the test vector 1 of RFC 8032, section 7.1', async () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
    const public_bytes = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex')
    const parsed = parseSecret(`whsk_${seed.toString('base64')}`)
    if (!parsed.ok) throw new Error(parsed.error)
    expect(await publicKeyOf(parsed.value)).toBe(`whpk_${public_bytes.toString('base64')}`)
  })
})

describe('secrets', () => {
  it('makes a symmetric one of 32 random bytes, with nothing to publish', async () => {
    const { secret, public_key } = await createSecret('hmac', (length) => new Uint8Array(length).fill(7))
    expect(secret).toBe(`whsec_${Buffer.alloc(32, 7).toString('base64')}`)
    expect(public_key).toBeNull()
  })

  it('makes an asymmetric one of seed and public key, as others write it', async () => {
    const seed = Buffer.alloc(32, 7)
    const { secret, public_key } = await createSecret('ed25519', (length) => new Uint8Array(length).fill(7))
    const bytes = Buffer.from(secret.replace('whsk_', ''), 'base64')
    expect(bytes.subarray(0, 32)).toEqual(seed)
    expect(`whpk_${bytes.subarray(32).toString('base64')}`).toBe(public_key)
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
    const judge = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
    expect(judge.export({ format: 'der', type: 'spki' }).subarray(-32)).toEqual(bytes.subarray(32))
  })

  it('signs the same with the seed alone as with seed and public key', async () => {
    const { secret, public_key } = await createSecret('ed25519', random)
    const seed = Buffer.from(secret.slice(5), 'base64').subarray(0, 32)
    const headers = await signedHeaders([`whsk_${seed.toString('base64')}`], utf8('{}'))
    expect(verifiesWithPublicKey(public_key ?? '', headers, utf8('{}'))).toBe(true)
  })

  it.each([
    ['no prefix', base64(32), 'unknown_prefix'],
    ['nothing', '', 'unknown_prefix'],
    ['another prefix', `sk_${base64(32)}`, 'unknown_prefix'],
    ['a public key, which cannot sign', `whpk_${base64(32)}`, 'unknown_prefix'],
    ['no base64', 'whsec_not base64!', 'not_base64'],
    ['base64url', `whsec_${'-_'.repeat(16)}`, 'not_base64'],
    ['23 bytes', `whsec_${base64(23)}`, 'wrong_length'],
    ['65 bytes', `whsec_${base64(65)}`, 'wrong_length'],
    ['an empty secret', 'whsec_', 'wrong_length'],
    ['a private key of 31 bytes', `whsk_${base64(31)}`, 'wrong_length'],
    ['a private key of 33 bytes', `whsk_${base64(33)}`, 'wrong_length'],
  ])('refuses %s', async (_what, text, error) => {
    expect(parseSecret(text)).toEqual({ ok: false, error })
    expect(await importSigningKey(text)).toEqual({ ok: false, error })
  })

  it('imports keys that cannot be taken out again', async () => {
    for (const kind of ['hmac', 'ed25519'] as const) {
      const { key } = await keyOf((await createSecret(kind, random)).secret)
      expect(key.extractable).toBe(false)
    }
  })
})
