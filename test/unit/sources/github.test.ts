import { sign, verify } from '@octokit/webhooks-methods'
import { github as sampler } from '../../../scripts/samples/github.ts'
import { github as provider } from '../../../src/sources/providers/github.ts'
import { describeScheme } from './scheme.ts'

describeScheme('GitHub', {
  provider,
  sampler,
  async sign(body, { type, id }, { signing_key }) {
    const text = new TextDecoder().decode(body)
    return {
      headers: {
        'x-hub-signature-256': await sign(signing_key, text),
        'x-github-event': type,
        'x-github-delivery': id,
      },
    }
  },
  believes: ({ body, headers }, { signing_key }) =>
    verify(signing_key, new TextDecoder().decode(body), headers.get('x-hub-signature-256') ?? ''),
  signs: 'text',
  signature_headers: ['x-hub-signature-256'],
  is_timed: false,
  covers_body: true,
})
