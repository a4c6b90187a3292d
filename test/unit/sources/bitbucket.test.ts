import { createHmac } from 'node:crypto'
import { expect, it } from 'vitest'
import { bitbucket as sampler } from '../../../scripts/samples/bitbucket.ts'
import { bitbucket as provider } from '../../../src/sources/providers/bitbucket.ts'
import { describeScheme, givenBy, requestOf } from './scheme.ts'

// There is no package of Atlassian's that signs or verifies: as the documentation says it.
describeScheme('Bitbucket', {
  provider,
  sampler,
  sign(body, { type, id }, { signing_key }) {
    const code = createHmac('sha256', Buffer.from(signing_key, 'utf8')).update(body).digest()
    return {
      headers: {
        'x-event-key': type,
        'x-request-uuid': id,
        'x-hub-signature': `sha256=${code.toString('hex')}`,
      },
    }
  },
  signs: 'bytes',
  signature_headers: ['x-hub-signature'],
  is_timed: false,
  covers_body: true,
})

// https://developer.atlassian.com/server/jira/platform/webhooks/, "Secure admin webhooks": the same scheme, in the same header.
it('believes the example that Atlassian gives for the header', async () => {
  const secret = "It's a Secret to Everybody"
  const headers = { 'x-hub-signature': 'sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9' }
  const given = givenBy({ provider }, [{ signing_key: secret, credentials: { secret } }])
  const verify = (text: string) => provider.verify(requestOf({ headers }, Buffer.from(text)), given)
  expect(await verify('Hello World!')).toEqual({ ok: true })
  expect(await verify('Hello, World!')).toEqual({ ok: false, error: 'signature_mismatch' })
})

it('takes the id of Data Center, which names its requests otherwise', () => {
  const request = requestOf(
    { headers: { 'x-request-id': 'e1', 'x-event-key': 'repo:refs_changed' } },
    Buffer.from('{}'),
  )
  expect(provider.identify(request, {})).toEqual({ id: 'e1', type: 'repo:refs_changed' })
})
