/** The secret of an authenticator under a master key that is rotated. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Bearer, bearerOf, operator, stopClock } from './authenticator.ts'
import { call, createTenant, eventually, type Reply, type TenantHandle } from './harness.ts'
import { deployMasterKeys, masterKey, masterKeyOf, masterKeys, rotateInTwoHours } from './master-keys-ring.ts'
import { expectProblem } from './problem.ts'

const [k1, k2] = [masterKey('k1'), masterKey('k2')]
let tenant: TenantHandle

beforeEach(async () => {
  await deployMasterKeys(k1)
  await env.DB.batch(
    ['endpoints', 'upkeep', 'audit_log', 'totp_enrolments'].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  )
  tenant = await createTenant()
  stopClock()
})

afterEach(async () => {
  vi.restoreAllMocks()
  await deployMasterKeys(env.MASTER_KEYS)
})

const sealed = async ({ id }: Bearer) => {
  const row = await env.DB.prepare('SELECT * FROM totp_enrolments WHERE key_id = ?')
    .bind(id)
    .first<{ sealed: string }>()
  return row?.sealed.split('.')[0]
}

/** Something sensitive. */
async function reveal(bearer: Bearer, code?: string): Promise<Reply> {
  const { id } = await tenant.endpoint()
  return bearer.ask('GET', `${tenant.path}/endpoints/${id}/secret`, code)
}

describe('an enrolled key', () => {
  it('goes on taking the codes of its authenticator when the master key is rotated and the old one removed', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    const ada = await (await operator()).enrol()
    expect(await masterKeyOf('k1')).toMatchObject({ secrets: 2, removable: false })

    await deployMasterKeys(k2, k1)
    expect((await reveal(bearer, bearer.nextCode())).status).toBe(200)
    await rotateInTwoHours()
    expect([await sealed(bearer), await sealed(ada)]).toEqual(['k2', 'k2'])
    expect(await masterKeyOf('k1')).toMatchObject({ secrets: 0, removable: true })

    await deployMasterKeys(k2)
    stopClock()
    expectProblem(await reveal(bearer), 403, 'totp_required')
    expect((await reveal(bearer, bearer.nextCode())).status).toBe(200)
    expect((await reveal(ada, ada.code())).status).toBe(200)
  })

  it('takes no code twice, nor a guess for nothing, because its secret was sealed again meanwhile', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    const code = bearer.code()
    expect((await reveal(bearer, code)).status).toBe(200)
    for (let i = 0; i < 4; i++) expectProblem(await reveal(bearer, bearer.wrongCode(i)), 403, 'totp_invalid')
    const now = Date.now()
    await deployMasterKeys(k2, k1)
    await rotateInTwoHours()
    vi.spyOn(Date, 'now').mockReturnValue(now)
    expectProblem(await reveal(bearer, code), 403, 'totp_invalid')
    expectProblem(await reveal(bearer, bearer.wrongCode(4)), 403, 'totp_invalid')
    expectProblem(await reveal(bearer, bearer.nextCode()), 429, 'totp_locked')
  })

  it('is let in again when a master key that was removed too early comes back', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    await deployMasterKeys(k2)
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    expectProblem(await reveal(bearer, bearer.code()), 500, 'secret_unsealable')
    expect(logged.mock.calls.join()).toContain('secret.unsealable')
    await rotateInTwoHours()
    expect(await masterKeys()).toMatchObject({ rotation: { unsealable: 1 } })
    stopClock()
    await deployMasterKeys(k2, k1)
    expect((await reveal(bearer, bearer.nextCode())).status).toBe(200)
  })
})

describe('a rotation of the master key that an operator asks for', () => {
  it('needs a code of an operator whose key is enrolled, and of nobody else', async () => {
    const ada = await (await operator()).enrol()
    const logged = vi.spyOn(console, 'info').mockImplementation(() => {})
    expectProblem(await ada.ask('POST', '/v1/master-keys/rotation'), 403, 'totp_required')
    expect((await ada.ask('POST', '/v1/master-keys/rotation', ada.code())).status).toBe(202)
    expect((await call('POST', '/v1/master-keys/rotation')).status).toBe(202)
    await eventually(
      'both to have run',
      async () => logged.mock.calls.filter((line) => line.join().includes('master_keys.rotate')).length === 2,
    )
  })
})
