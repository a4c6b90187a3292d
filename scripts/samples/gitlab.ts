import { createHmac, randomBytes } from 'node:crypto'
import type { Sampler } from './sampler.ts'

const project = { id: 15, name: 'Diaspora', path_with_namespace: 'mike/diaspora', default_branch: 'master' }
const user = { id: 4, name: 'John Smith', username: 'jsmith' }

/**
 * Signs with a signing token, which begins with `whsec_`, and sends any other secret along as `X-Gitlab-Token`.
 * https://docs.gitlab.com/user/project/integrations/webhook_events/
 */
export const gitlab: Sampler = {
  events: {
    'Push Hook': () =>
      JSON.stringify({
        object_kind: 'push',
        event_name: 'push',
        before: '95790bf891e76fee5e1747ab589903a6a1f80f22',
        after: 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
        ref: 'refs/heads/master',
        user_username: 'jsmith',
        project_id: 15,
        project,
        commits: [],
        total_commits_count: 0,
      }),
    'Merge Request Hook': () =>
      JSON.stringify({
        object_kind: 'merge_request',
        event_type: 'merge_request',
        user,
        project,
        object_attributes: { id: 99, iid: 1, title: 'MS-Viewport', state: 'opened', action: 'open' },
      }),
    'Pipeline Hook': () =>
      JSON.stringify({
        object_kind: 'pipeline',
        object_attributes: { id: 31, iid: 3, ref: 'master', status: 'success' },
        user,
        project,
        builds: [],
      }),
  },
  invent() {
    const token = `whsec_${randomBytes(32).toString('base64')}`
    return { signing_key: token, credentials: { signing_token: token } }
  },
  sign(body, { type, id, now }, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'GitLab/19.0.0',
        'idempotency-key': id,
        'x-gitlab-event': type,
        'x-gitlab-event-uuid': '13792a34-cac6-4fda-95a8-c58e00a3954e',
        'x-gitlab-instance': 'https://gitlab.com',
        'x-gitlab-webhook-uuid': '02affd2d-2cba-4033-917d-ec22d5dc4b38',
        ...proofOf(body, id, now, signing_key),
      },
    }
  },
}

function proofOf(body: Uint8Array, id: string, now: Date, token: string): Record<string, string> {
  if (!token.startsWith('whsec_')) return { 'x-gitlab-token': token }
  const timestamp = String(Math.floor(now.getTime() / 1000))
  const key = Buffer.from(token.slice('whsec_'.length), 'base64')
  const code = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${code}` }
}
