import { Webhook } from 'standardwebhooks'
import { describe, expect, it, vi } from 'vitest'
import { gitlab as sampler } from '../../../scripts/samples/gitlab.ts'
import type { Invented } from '../../../scripts/samples/sampler.ts'
import { gitlab as provider } from '../../../src/sources/providers/gitlab.ts'
import { describeScheme, givenBy, occasionOf, requestOf } from './scheme.ts'

let tokens = 0

/** What GitLab before 2026 is given. */
function inventSecretToken(): Invented {
  const token = `secret-token-of-a-test-${++tokens}`
  return { signing_key: token, credentials: { secret_token: token } }
}

// GitLab's own test receiver (merge request 230944) verifies with standardwebhooks.
describeScheme('GitLab with a signing token', {
  provider,
  sampler,
  sign(body, { type, id, now }, { signing_key }) {
    return {
      headers: {
        'idempotency-key': id,
        'x-gitlab-event': type,
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Webhook(signing_key).sign(id, now, Buffer.from(body)),
      },
    }
  },
  believes({ body, headers }, { signing_key }, now) {
    vi.setSystemTime(now)
    try {
      return new Webhook(signing_key).verify(Buffer.from(body), Object.fromEntries(headers))
    } finally {
      vi.useRealTimers()
    }
  },
  signs: 'text',
  signature_headers: ['webhook-id', 'webhook-signature', 'webhook-timestamp'],
  is_timed: true,
  covers_body: true,
})

// There is nothing to compute: the header is the token.
describeScheme('GitLab with a secret token', {
  provider,
  sampler: { ...sampler, invent: inventSecretToken },
  sign: (_body, { type, id }, { signing_key }) => ({
    headers: { 'idempotency-key': id, 'x-gitlab-event': type, 'x-gitlab-token': signing_key },
  }),
  signs: 'bytes',
  signature_headers: ['x-gitlab-token'],
  is_timed: false,
  covers_body: false,
})

describe('GitLab', () => {
  const body = Buffer.from('{"object_kind":"push"}')

  async function bothHeaders() {
    const [secret, signing] = [inventSecretToken(), await sampler.invent()]
    const occasion = occasionOf('Push Hook')
    const by_token = await sampler.sign(body, occasion, secret)
    const by_signature = await sampler.sign(body, occasion, signing)
    const both: Invented = { signing_key: '', credentials: { ...secret.credentials, ...signing.credentials } }
    return { secret, signing, both, by_token: by_token.headers, by_signature: by_signature.headers }
  }

  it('has to prove all of what a source has', async () => {
    const { both, by_token, by_signature } = await bothHeaders()
    const verify = (headers: Record<string, string>) =>
      provider.verify(requestOf({ headers }, body), givenBy({ provider }, [both]))
    expect(await verify({ ...by_token, ...by_signature })).toEqual({ ok: true })
    expect(await verify(by_token)).toEqual({ ok: false, error: 'missing_signature' })
    expect(await verify(by_signature)).toEqual({ ok: false, error: 'missing_signature' })
  })

  it('is believed by either while a secret token is replaced by a signing token', async () => {
    const { secret, signing, by_token, by_signature } = await bothHeaders()
    const given = givenBy({ provider }, [signing, secret])
    for (const headers of [by_token, by_signature])
      expect(await provider.verify(requestOf({ headers }, body), given)).toEqual({ ok: true })
  })

  it('is identified by what stays the same on a retry', () => {
    const identify = (headers: Record<string, string>) => provider.identify(requestOf({ headers }, body), {})
    expect(identify({ 'idempotency-key': 'a', 'x-gitlab-event-uuid': 'b', 'x-gitlab-webhook-uuid': 'c' }).id).toBe('a')
    expect(identify({ 'x-gitlab-event-uuid': 'b', 'x-gitlab-webhook-uuid': 'c' }).id).toBeNull()
  })

  it.each([{}, { secret_token: 'with space' }, { secret_token: 'naïveté-12' }, { signing_token: 'whsec_AAAA' }])(
    'cannot be given %j',
    (credentials) => {
      expect(provider.credentials.safeParse(credentials).success).toBe(false)
    },
  )

  it('does not pass its secret token on', () => {
    expect(provider.forwards.some((name) => 'x-gitlab-token'.startsWith(name.replace('*', '')))).toBe(false)
  })
})
