/** The secret of an authenticator is nobody else’s. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bearerOf, stopClock } from './authenticator.ts'
import { call, createTenant, type Json, type TenantHandle } from './harness.ts'
import { expectProblem } from './problem.ts'

let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
  stopClock()
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the secret of an authenticator', () => {
  it('is shown nowhere else, and lies sealed for its key in the database', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    const shown = await Promise.all([
      bearer.ask('GET', bearer.path),
      bearer.ask('GET', `${tenant.path}/keys`),
      bearer.ask('GET', `${bearer.path}/totp`),
      call('GET', tenant.path),
    ])
    const { results } = await env.DB.prepare('SELECT * FROM totp_enrolments WHERE tenant_id = ?').bind(tenant.id).all()
    expect(results).toHaveLength(1)
    for (const text of [...shown.map(({ body }) => JSON.stringify(body)), JSON.stringify(results)]) {
      expect(text).not.toContain(bearer.secret)
    }
    for (const { body } of shown) expect(JSON.stringify(body)).not.toContain('sealed')
  })

  it('does not open for another key that somebody gave it to in the database', async () => {
    const [bearer, thief] = [await (await bearerOf(tenant)).enrol(), await (await bearerOf(tenant)).enrol()]
    const [mine, theirs] = await Promise.all(
      [bearer, thief].map(({ id }) =>
        env.DB.prepare('SELECT sealed FROM totp_enrolments WHERE key_id = ?').bind(id).first<{ sealed: string }>(),
      ),
    )
    expect(mine?.sealed).not.toBe(theirs?.sealed)
    await env.DB.prepare('UPDATE totp_enrolments SET sealed = ? WHERE key_id = ?').bind(theirs?.sealed, bearer.id).run()
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    const reply = await bearer.ask('DELETE', `${bearer.path}/totp`, thief.nextCode())
    expectProblem(reply, 500, 'secret_unsealable')
    expect(logged.mock.calls.join()).toContain('secret.unsealable')
  })

  it('is not in the audit log, which says that the key was enrolled and freed, by itself', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    expect((await bearer.ask('DELETE', `${bearer.path}/totp`, bearer.code())).status).toBe(204)
    const { data } = (await tenant.call('GET', `/audit-log?target=${bearer.id}`)).body
    expect(data.map(({ action, actor, before, after }: Json) => [action, actor.key_id, before, after])).toEqual([
      ['key.totp.remove', bearer.id, null, null],
      ['key.totp.confirm', bearer.id, null, null],
      ['key.totp.enrol', bearer.id, null, null],
      ['key.create', 'key_settings', null, expect.anything()],
    ])
    expect(JSON.stringify(data)).not.toContain(bearer.secret)
  })

  it('is in no log, and neither is a code', async () => {
    const lines: string[] = []
    for (const level of ['info', 'warn', 'error', 'log'] as const) {
      vi.spyOn(console, level).mockImplementation((line: Json) => void lines.push(String(line)))
    }
    const bearer = await (await bearerOf(tenant)).enrol()
    const codes = [bearer.wrongCode(), bearer.code()]
    for (const code of codes) await bearer.ask('DELETE', `${bearer.path}/totp`, code)
    const refused = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'step_up.refused')
    expect(refused).toEqual([
      {
        level: 'warn',
        message: 'step_up.refused',
        tenant_id: tenant.id,
        key_id: bearer.id,
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        reason: 'totp_invalid',
      },
    ])
    for (const hidden of [bearer.secret, ...codes]) expect(lines.join('\n')).not.toContain(hidden)
  })
})
