import { createHmac, randomBytes } from 'node:crypto'
import type { Sampler } from './sampler.ts'

const actor = { type: 'user', display_name: 'Emma', uuid: '{a54f16da-24e9-4d7f-a3a7-b1ba2cd98aa3}' }
const repository = {
  type: 'repository',
  name: 'repo_name',
  full_name: 'team_name/repo_name',
  uuid: '{673a6070-3421-46c9-9d48-90745f7bfe8e}',
}

/** https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/ */
export const bitbucket: Sampler = {
  events: {
    'repo:push': () =>
      JSON.stringify({
        actor,
        repository,
        push: {
          changes: [
            {
              new: {
                type: 'branch',
                name: 'name-of-branch',
                target: { hash: '709d658dc5b6d6afcd46049c2f332ee3f515a67d' },
              },
              created: false,
              forced: false,
              closed: false,
            },
          ],
        },
      }),
    'pullrequest:created': () =>
      JSON.stringify({ actor, repository, pullrequest: { id: 1, title: 'Title of pull request', state: 'OPEN' } }),
    'issue:created': () => JSON.stringify({ actor, repository, issue: { id: 1, title: 'Issue title', state: 'new' } }),
  },
  invent() {
    const secret = randomBytes(32).toString('hex')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { type, id }, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Bitbucket-Webhooks/2.0',
        'x-attempt-number': '1',
        'x-event-key': type,
        'x-hook-uuid': '5e3a2f8c-8a9f-4b59-9b0e-7f4dd1a7bc0a',
        'x-hub-signature': `sha256=${createHmac('sha256', signing_key).update(body).digest('hex')}`,
        'x-request-uuid': id,
      },
    }
  },
}
