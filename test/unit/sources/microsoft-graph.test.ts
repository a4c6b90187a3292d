import { describe, expect, it } from 'vitest'
import { microsoft_graph as sampler } from '../../../scripts/samples/microsoft-graph.ts'
import { microsoft_graph as provider } from '../../../src/sources/providers/microsoft-graph.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

describeScheme('Microsoft Graph', {
  provider,
  sampler,
  // The documentation has nothing to compute: the body holds the secret.
  signs: 'text',
  signature_headers: [],
  is_timed: false,
  covers_body: 'in_part',
  takes_any_body: false,
})

describe('Microsoft Graph', () => {
  const [current, old] = ['secretClientValue-of-now', 'secretClientValue-of-then'] as const
  const given = givenBy(
    { provider },
    [current, old].map((client_state) => ({ signing_key: '', credentials: { client_state } })),
  )
  const requestWith = (body: unknown) =>
    requestOf({ headers: {} }, new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)))
  const verify = (body: unknown) => provider.verify(requestWith(body), given)
  const item = (clientState: unknown, more: Record<string, unknown> = {}) => ({ clientState, ...more })

  it('believes a request whose items all hold a client state of the source', async () => {
    expect(await verify({ value: [item(current), item(old), item(current)] })).toEqual({ ok: true })
  })

  const refused: [string, unknown, string][] = [
    ['one item with another', { value: [item(current), item('other'), item(current)] }, 'wrong_credentials'],
    ['one item without', { value: [item(current), {}] }, 'missing_signature'],
    ['one item with null', { value: [item(current), item(null)] }, 'missing_signature'],
    ['one that is a list', { value: [item([current])] }, 'missing_signature'],
    ['one that is no item', { value: [item(current), current] }, 'missing_signature'],
    ['no items', { value: [] }, 'missing_signature'],
    ['no list', { value: item(current) }, 'missing_signature'],
    ['one outside of the items', { clientState: current, value: [{}] }, 'missing_signature'],
    ['one that is too short', { value: [item(current.slice(0, -1))] }, 'wrong_credentials'],
    ['a list that does not end', `{"value":[${JSON.stringify(item(current))},`, 'missing_signature'],
    ['too many items', { value: Array.from({ length: 10_001 }, () => item(current)) }, 'missing_signature'],
  ]
  it.each(refused)('refuses %s', async (_what, body, error) => {
    expect(await verify(body)).toEqual({ ok: false, error })
  })

  it('reads a list of 25 MiB no longer than it has to', async () => {
    const body = `{"value":[${'0,'.repeat(13 * 1024 * 1024)}0]}`
    expect(await verify(body)).toEqual({ ok: false, error: 'missing_signature' })
  })

  const greet = (query: string, method = 'POST') =>
    provider.greet?.(
      { ...requestOf({ headers: {} }, new Uint8Array(), `https://p.example/in/s${query}`), method },
      given,
    )

  it('says the validation token back, decoded, as plain text', async () => {
    const query =
      '?validationToken=Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+522a8e7e'
    expect(await greet(query)).toEqual({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
      body: 'Validation: Testing client application reachability for subscription Request-Id: 522a8e7e',
    })
  })

  it('has no answer to anything else', async () => {
    for (const query of ['', '?validationToken=', '?validationtoken=a', `?validationToken=${'a'.repeat(1025)}`])
      expect(await greet(query), query).toBeNull()
    expect(await greet('?validationToken=a', 'GET')).toBeNull()
  })

  it('names a request for what all its items are', () => {
    const typeOf = (...items: unknown[]) => provider.identify(requestWith({ value: items }), {}).type
    expect(typeOf(item(current, { changeType: 'updated' }), item(current, { changeType: 'updated' }))).toBe('updated')
    expect(typeOf(item(current, { changeType: 'updated' }), item(current, { changeType: 'deleted' }))).toBe('mixed')
    expect(typeOf(item(current, { lifecycleEvent: 'missed' }))).toBe('missed')
    expect(typeOf(item(current))).toBeNull()
  })

  it('knows an event only where it has an id', () => {
    const identify = (...items: unknown[]) => provider.identify(requestWith({ value: items }), {})
    expect(identify(item(current, { id: 'n1' }))).toEqual({ id: 'n1', type: null })
    expect(identify(item(current, { id: 'n1' }), item(current, { id: 'n2' }))).toEqual({ id: null, type: null })
    expect(identify(item(current, { id: 'n1' }), item(current))).toMatchObject({ id: null, may_look_alike: true })
    expect(identify()).toMatchObject({ id: null, may_look_alike: true })
  })
})
