/// <reference types="node" />
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { type Arrival, createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'
import { isSignedForPublicKey, isSignedWith, signaturesOf } from './signatures.ts'

const receivers = useReceivers()

const ownSecret = (prefix: string, length: number) =>
  prefix + Buffer.from(crypto.getRandomValues(new Uint8Array(length))).toString('base64')

/** Publishes, and hands out what arrived. */
async function deliver(tenant: TenantHandle, endpoint: Json): Promise<Arrival> {
  const message_id = await tenant.published({ data: crypto.randomUUID() })
  await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  const arrived = receivers.current
    .arrivals(endpoint.url)
    .find(({ headers }) => headers.get('webhook-id') === message_id)
  if (arrived === undefined) throw new Error('a delivery that has succeeded has arrived')
  return arrived
}

async function rotate(tenant: TenantHandle, id: string, body?: unknown): Promise<Json> {
  const { status, body: answer } = await tenant.call('POST', `/endpoints/${id}/secret/rotate`, { body })
  expect(status, JSON.stringify(answer)).toBe(200)
  return answer
}

async function reveal(tenant: TenantHandle, id: string): Promise<Json[]> {
  return (await tenant.call('GET', `/endpoints/${id}/secret`)).body.secrets
}

describe('a signing secret', () => {
  it('that was shown at creation verifies what arrives, and no other does', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const arrival = await deliver(tenant, endpoint)
    expect(isSignedWith(endpoint.secret, arrival)).toBe(true)
    expect(isSignedWith(ownSecret('whsec_', 32), arrival)).toBe(false)
    expect(isSignedWith(endpoint.secret, { ...arrival, body: `${arrival.body} ` })).toBe(false)
  })

  it('can be revealed again, and is not kept by anyone on the way', async () => {
    const tenant = await createTenant()
    const { id, secret } = await tenant.endpoint()
    const reply = await tenant.call('GET', `/endpoints/${id}/secret`)
    expect(reply.body).toEqual({ secrets: [{ secret, kind: 'hmac', public_key: null, expires_at: null }] })
    expect(reply.headers.get('cache-control')).toBe('no-store')
  })

  it('may be a key pair, of which the receiver needs the public half alone', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ secret_kind: 'ed25519' })
    expect(endpoint.secret).toMatch(/^whsk_/)
    expect(endpoint.public_key).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/)
    const arrival = await deliver(tenant, endpoint)
    expect(signaturesOf(arrival.headers)).toEqual([expect.stringMatching(/^v1a,/)])
    expect(isSignedForPublicKey(endpoint.public_key, arrival)).toBe(true)
    const other = await tenant.endpoint({ secret_kind: 'ed25519' })
    expect(isSignedForPublicKey(other.public_key, arrival)).toBe(false)
  })

  it.each([24, 32, 64])('may be brought along, here with %i bytes', async (length) => {
    const tenant = await createTenant()
    const secret = ownSecret('whsec_', length)
    const endpoint = await tenant.endpoint({ secret })
    expect(endpoint.secret).toBe(secret)
    expect(isSignedWith(secret, await deliver(tenant, endpoint))).toBe(true)
  })

  it('that was brought along as a key pair shows its public half', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ secret: ownSecret('whsk_', 32) })
    expect(isSignedForPublicKey(endpoint.public_key, await deliver(tenant, endpoint))).toBe(true)
  })

  it.each([
    ['without a prefix', ownSecret('', 32)],
    ['with a prefix of somebody else', ownSecret('sk_', 32)],
    ['that is a public key', ownSecret('whpk_', 32)],
    ['that is not base64', 'whsec_!!!'],
    ['with 23 bytes', ownSecret('whsec_', 23)],
    ['with 65 bytes', ownSecret('whsec_', 65)],
    ['with half an Ed25519 key', ownSecret('whsk_', 16)],
  ])('is refused %s, at creation and at rotation', async (_what, secret) => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const url = 'https://receiver.test/refused'
    expectProblem(await tenant.call('POST', '/endpoints', { body: { url, secret } }), 422, 'invalid_secret')
    const rotation = await tenant.call('POST', `/endpoints/${id}/secret/rotate`, { body: { secret } })
    expectProblem(rotation, 422, 'invalid_secret')
    expect(await reveal(tenant, id)).toHaveLength(1)
  })

  it('is refused when it is of another kind than asked for', async () => {
    const body = { url: 'https://receiver.test/', secret: ownSecret('whsec_', 32), secret_kind: 'ed25519' }
    expectProblem(await (await createTenant()).call('POST', '/endpoints', { body }), 422, 'invalid_secret')
  })

  it('is stored sealed: the database alone reveals none', async () => {
    const tenant = await createTenant()
    const { id, secret } = await tenant.endpoint()
    const row = await env.DB.prepare('SELECT * FROM endpoints WHERE id = ?').bind(id).first()
    expect(JSON.stringify(row)).not.toContain(secret.slice('whsec_'.length))
  })

  it('is stored sealed if it is a header value, which its owner can read and use all the same', async () => {
    const tenant = await createTenant()
    const headers = { authorization: 'Bearer s3cret-of-acme' }
    const endpoint = await tenant.endpoint({ headers })
    await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { headers: { ...headers, 'x-team': 'billing' } } })
    const row = await env.DB.prepare('SELECT headers FROM endpoints WHERE id = ?').bind(endpoint.id).first()
    expect(JSON.stringify(row)).not.toContain('s3cret')
    expect(JSON.stringify(row)).not.toContain('billing')
    const { body } = await tenant.call('GET', `/endpoints/${endpoint.id}`)
    expect(body.headers).toEqual({ ...headers, 'x-team': 'billing' })
    expect(Object.fromEntries((await deliver(tenant, endpoint)).headers)).toMatchObject(body.headers)
  })

  it('is not said to have changed when the same header values are set again', async () => {
    const tenant = await createTenant()
    const headers = { authorization: 'Bearer s3cret-of-acme' }
    const { id } = await tenant.endpoint({ headers })
    const change = async (changed: Json) => {
      await tenant.call('PATCH', `/endpoints/${id}`, { body: { headers: changed } })
      return (await tenant.call('GET', '/audit-log')).body.data[0].after.headers
    }
    expect(await change(headers)).toBeUndefined()
    expect(await change({ authorization: 'Bearer another' })).toEqual({ authorization: '[hidden]' })
  })

  it('does not open in another endpoint, or as another header, that somebody has moved it to', async () => {
    const tenant = await createTenant()
    const [mine, other] = [await tenant.endpoint({ headers: { 'x-a': 'one', 'x-b': 'two' } }), await tenant.endpoint()]
    const { headers } = (await env.DB.prepare('SELECT headers FROM endpoints WHERE id = ?')
      .bind(mine.id)
      .first()) as Json
    const store = (id: string, text: string) =>
      env.DB.prepare('UPDATE endpoints SET headers = ?, version = version + 1 WHERE id = ?').bind(text, id).run()
    await store(other.id, headers)
    await store(mine.id, headers.replace('x-a', 'x-c'))
    const shown = async (id: string) => (await tenant.call('GET', `/endpoints/${id}`)).body.headers
    expect(await shown(other.id)).toEqual({ 'x-a': '[unsealable]', 'x-b': '[unsealable]' })
    expect(await shown(mine.id)).toEqual({ 'x-c': '[unsealable]', 'x-b': 'two' })
  })

  it('is not in what the log of an attempt shows', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ headers: { authorization: 'Bearer s3cret', 'x-team': 'billing' } })
    const { headers } = await deliver(tenant, endpoint)
    expect(headers.get('authorization')).toBe('Bearer s3cret')
    const delivery = await tenant.delivery(headers.get('webhook-id') ?? '', endpoint.id)
    expect(JSON.stringify(delivery)).not.toContain('s3cret')
    expect(delivery.attempt_log[0].request_headers).toMatchObject({
      authorization: '[redacted]',
      'x-team': '[redacted]',
      'webhook-id': headers.get('webhook-id'),
    })
  })
})

describe('rotating a secret', () => {
  it('lets the old and the new one verify each delivery for a day', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const rotated = await rotate(tenant, endpoint.id)
    expect(rotated.secret).not.toBe(endpoint.secret)
    const arrival = await deliver(tenant, endpoint)
    expect(signaturesOf(arrival.headers)).toHaveLength(2)
    expect(isSignedWith(rotated.secret, arrival)).toBe(true)
    expect(isSignedWith(endpoint.secret, arrival)).toBe(true)

    const [current, former] = await reveal(tenant, endpoint.id)
    expect(current).toEqual({ ...rotated, expires_at: null })
    expect(former?.secret).toBe(endpoint.secret)
    const hours_left = (Date.parse(former?.expires_at) - Date.now()) / 3_600_000
    expect(hours_left).toBeGreaterThan(23.9)
    expect(hours_left).toBeLessThanOrEqual(24)
  })

  it('retires the old one at once without an overlap', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const rotated = await rotate(tenant, endpoint.id, { overlap_s: 0 })
    const arrival = await deliver(tenant, endpoint)
    expect(isSignedWith(rotated.secret, arrival)).toBe(true)
    expect(isSignedWith(endpoint.secret, arrival)).toBe(false)
    expect(await reveal(tenant, endpoint.id)).toHaveLength(1)
  })

  it('stops the old one by itself when the overlap ends', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const rotated = await rotate(tenant, endpoint.id, { overlap_s: 1 })
    expect(isSignedWith(endpoint.secret, await deliver(tenant, endpoint))).toBe(true)
    await eventually('the overlap to end', async () => (await reveal(tenant, endpoint.id)).length === 1)
    const arrival = await deliver(tenant, endpoint)
    expect(isSignedWith(rotated.secret, arrival)).toBe(true)
    expect(isSignedWith(endpoint.secret, arrival)).toBe(false)
  })

  it('may change the kind, and both verify meanwhile', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const rotated = await rotate(tenant, endpoint.id, { kind: 'ed25519' })
    const arrival = await deliver(tenant, endpoint)
    expect(isSignedForPublicKey(rotated.public_key, arrival)).toBe(true)
    expect(isSignedWith(endpoint.secret, arrival)).toBe(true)
  })

  it('keeps the kind unless told otherwise', async () => {
    const tenant = await createTenant()
    const { id, public_key } = await tenant.endpoint({ secret_kind: 'ed25519' })
    const rotated = await rotate(tenant, id)
    expect(rotated.kind).toBe('ed25519')
    expect(rotated.public_key).not.toBe(public_key)
  })

  it('takes one that the caller brings along', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const secret = ownSecret('whsec_', 32)
    expect(await rotate(tenant, endpoint.id, { secret })).toEqual({ secret, kind: 'hmac', public_key: null })
    expect(isSignedWith(secret, await deliver(tenant, endpoint))).toBe(true)
  })

  it('is refused once five sign at the same time, and nothing is lost by it', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    for (let n = 0; n < 4; n++) await rotate(tenant, id)
    const before = await reveal(tenant, id)
    expect(before).toHaveLength(5)
    expectProblem(await tenant.call('POST', `/endpoints/${id}/secret/rotate`), 422, 'limit_reached')
    expect(await reveal(tenant, id)).toEqual(before)
    // `overlap_s: 0` retires the current one alone, so the four others are still live.
    await rotate(tenant, id, { overlap_s: 0 })
  })

  it.each([
    ['a negative overlap', { overlap_s: -1 }, 'overlap_s'],
    ['an overlap of more than a week', { overlap_s: 604_801 }, 'overlap_s'],
    ['a kind that does not exist', { kind: 'rsa' }, 'kind'],
    ['a member that does not exist', { overlap_ms: 5 }, ''],
  ])('is refused with %s', async (_what, body, member) => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const reply = await tenant.call('POST', `/endpoints/${id}/secret/rotate`, { body })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })

  it('loses none of several rotations at once', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const rotated = await Promise.all(Array.from({ length: 4 }, () => rotate(tenant, endpoint.id)))
    const arrival = await deliver(tenant, endpoint)
    for (const { secret } of [endpoint, ...rotated]) expect(isSignedWith(secret, arrival)).toBe(true)
  })
})
