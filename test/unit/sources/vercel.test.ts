import { createHmac } from 'node:crypto'
import { vercel as sampler } from '../../../scripts/samples/vercel.ts'
import { vercel as provider } from '../../../src/sources/providers/vercel.ts'
import { describeScheme } from './scheme.ts'

// There is no package of Vercel's that signs or verifies: as the documentation's example in TypeScript does it.
describeScheme('Vercel', {
  provider,
  sampler,
  sign(body, _occasion, { signing_key }) {
    const raw_body = Buffer.from(body)
    return { headers: { 'x-vercel-signature': createHmac('sha1', signing_key).update(raw_body).digest('hex') } }
  },
  signs: 'bytes',
  signature_headers: ['x-vercel-signature'],
  is_timed: false,
  covers_body: true,
})
