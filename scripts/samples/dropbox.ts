import { createHmac, randomBytes } from 'node:crypto'
import type { Sampler } from './sampler.ts'

/** https://www.dropbox.com/developers/reference/webhooks */
export const dropbox: Sampler = {
  events: {
    list_folder: () =>
      JSON.stringify({
        list_folder: { accounts: ['dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc'] },
        delta: { users: [12345678] },
      }),
  },
  invent() {
    const app_secret = randomBytes(8).toString('hex').slice(0, 15)
    return { signing_key: app_secret, credentials: { app_secret } }
  },
  sign: (body, _occasion, { signing_key }) => ({
    headers: {
      'content-type': 'application/json',
      'user-agent': 'DropboxWebhooks/1.0',
      'x-dropbox-signature': createHmac('sha256', signing_key).update(body).digest('hex'),
    },
  }),
}
