import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { intercom as sampler } from '../../../scripts/samples/intercom.ts'
import { intercom as provider } from '../../../src/sources/providers/intercom.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

describeScheme('Intercom', {
  provider,
  sampler,
  // No package and no vector: by the words of "Signed notifications".
  sign(body, _occasion, { signing_key }) {
    const hexadecimal_40 = createHmac('sha1', signing_key).update(body).digest().toString('hex')
    return { headers: { 'x-hub-signature': `sha1=${hexadecimal_40}` } }
  },
  signs: 'bytes',
  signature_headers: ['x-hub-signature'],
  is_timed: false,
  covers_body: true,
})

describe('Intercom', () => {
  it('says that somebody is there, and nothing to any other method', async () => {
    const given = givenBy({ provider }, [await sampler.invent()])
    const request = requestOf({ headers: {} }, new Uint8Array(0))
    expect(await provider.greet?.({ ...request, method: 'HEAD' }, given)).toEqual({ status: 200, body: '' })
    expect(await provider.greet?.({ ...request, method: 'GET' }, given)).toBeNull()
    expect(await provider.greet?.(request, given)).toBeNull()
  })

  it('knows an event that is sent again, though the body says how often it was', () => {
    const identify = (body: string) => provider.identify(requestOf({ headers: {} }, new TextEncoder().encode(body)), {})
    const first = identify('{"id":"notif_1","topic":"contact.user.created","delivery_attempts":1}')
    expect(first).toEqual({ id: 'notif_1', type: 'contact.user.created' })
    expect(identify('{"id":"notif_1","topic":"contact.user.created","delivery_attempts":2}')).toEqual(first)
  })
})
