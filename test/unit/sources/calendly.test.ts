import { createHmac } from 'node:crypto'
import { expect, it } from 'vitest'
import { calendly as sampler } from '../../../scripts/samples/calendly.ts'
import { calendly as provider } from '../../../src/sources/providers/calendly.ts'
import { describeScheme, requestOf } from './scheme.ts'

// There is no package of Calendly's that signs or verifies: as the documentation's example in JavaScript does it.
describeScheme('Calendly', {
  provider,
  sampler,
  sign(body, { now }, { signing_key }) {
    const t = Math.floor(now.getTime() / 1000)
    const data = `${t}.${new TextDecoder().decode(body)}`
    const signature = createHmac('sha256', signing_key).update(data, 'utf8').digest('hex')
    return { headers: { 'calendly-webhook-signature': `t=${t},v1=${signature}` } }
  },
  signs: 'text',
  signature_headers: ['calendly-webhook-signature'],
  is_timed: true,
  covers_body: true,
})

it('says nothing that is different on another attempt', () => {
  const body = Buffer.from('{"event":"invitee.created","created_at":"2026-11-24T12:00:00.000000Z"}')
  const identify = (t: number) =>
    provider.identify(requestOf({ headers: { 'calendly-webhook-signature': `t=${t},v1=00` } }, body), {})
  expect(identify(1)).toEqual(identify(2))
  expect(identify(1)).toEqual({ id: null, type: 'invitee.created' })
})
