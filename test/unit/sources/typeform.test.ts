import { createHmac } from 'node:crypto'
import { typeform as sampler } from '../../../scripts/samples/typeform.ts'
import { typeform as provider } from '../../../src/sources/providers/typeform.ts'
import { describeScheme } from './scheme.ts'

// There is no package of Typeform's that signs or verifies: step by step as the documentation says it.
describeScheme('Typeform', {
  provider,
  sampler,
  sign(body, _occasion, { signing_key }) {
    const hash = createHmac('sha256', signing_key).update(body).digest()
    return { headers: { 'typeform-signature': `sha256=${hash.toString('base64')}` } }
  },
  signs: 'bytes',
  signature_headers: ['typeform-signature'],
  is_timed: false,
  covers_body: true,
})
