import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const response = ({ type, id, now }: Occasion) =>
  JSON.stringify({
    event_id: id,
    event_type: type,
    form_response: {
      form_id: 'lT4Z3j',
      token: 'a3a12ec67a1365927098a606107fac15',
      landed_at: now.toISOString(),
      submitted_at: now.toISOString(),
      definition: {
        id: 'lT4Z3j',
        title: 'Webhooks example',
        fields: [{ id: 'SMEUb7VJz92Q', ref: 'readable_ref_email', type: 'email', title: "What's your email?" }],
      },
      answers: [{ type: 'email', email: 'laura@example.com', field: { id: 'SMEUb7VJz92Q', type: 'email' } }],
    },
  })

/** https://www.typeform.com/developers/webhooks/example-payload/ */
export const typeform: Sampler = {
  events: { form_response: response, form_response_partial: response },
  invent() {
    const secret = randomBytes(20).toString('hex')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, _occasion, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'typeform-signature': `sha256=${createHmac('sha256', signing_key).update(body).digest('base64')}`,
        'user-agent': 'Typeform Webhooks',
      },
    }
  },
}
