import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const event = ({ type, id, now }: Occasion, payload: Record<string, unknown>) =>
  JSON.stringify({ id, type, createdAt: now.getTime(), region: 'sfo1', payload })

const deployment = { id: 'dpl_5wP3sRvX9hVYJQnTTcQCnWNYq1pN', name: 'my-app', url: 'my-app-4bq2c5.vercel.app' }

/** https://vercel.com/docs/webhooks/webhooks-api */
export const vercel: Sampler = {
  events: {
    'deployment.created': (occasion) => event(occasion, { deployment, target: 'production', plan: 'pro' }),
    'deployment.succeeded': (occasion) => event(occasion, { deployment, target: 'production' }),
    'project.created': (occasion) => event(occasion, { project: { id: 'prj_1', name: 'my-app' } }),
  },
  invent() {
    const secret = randomBytes(24).toString('base64url')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, _occasion, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'x-vercel-signature': createHmac('sha1', signing_key).update(body).digest('hex'),
      },
    }
  },
}
