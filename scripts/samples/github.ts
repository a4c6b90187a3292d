import { createHmac, randomBytes } from 'node:crypto'
import type { Sampler } from './sampler.ts'

const repository = { id: 186853002, name: 'Hello-World', full_name: 'Codertocat/Hello-World', private: false }
const sender = { login: 'Codertocat', id: 21031067, type: 'User' }

/** https://docs.github.com/en/webhooks/webhook-events-and-payloads */
export const github: Sampler = {
  events: {
    push: () =>
      JSON.stringify({
        ref: 'refs/heads/main',
        before: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
        after: '0000000000000000000000000000000000000000',
        commits: [],
        repository,
        sender,
      }),
    pull_request: () =>
      JSON.stringify({ action: 'opened', number: 2, pull_request: { id: 279147437, number: 2 }, repository, sender }),
    ping: () => JSON.stringify({ zen: 'Keep it logically awesome.', hook_id: 109948940, repository, sender }),
  },
  invent() {
    const secret = randomBytes(32).toString('hex')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { type, id }, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/044aadd',
        'x-github-event': type,
        'x-github-delivery': id,
        'x-github-hook-id': '109948940',
        'x-hub-signature': `sha1=${createHmac('sha1', signing_key).update(body).digest('hex')}`,
        'x-hub-signature-256': `sha256=${createHmac('sha256', signing_key).update(body).digest('hex')}`,
      },
    }
  },
}
