import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Bearer, bearerOf, pass, STEP_MS, stopClock } from './authenticator.ts'
import { createTenant, type TenantHandle } from './harness.ts'
import { expectProblem } from './problem.ts'

let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
  stopClock()
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the rotation of an enrolled key', () => {
  async function rotate(bearer: Bearer): Promise<Bearer> {
    const { status, body } = await bearer.ask('POST', `${bearer.path}/rotate`, bearer.code())
    expect(status, JSON.stringify(body)).toBe(201)
    const rotated = new Bearer(body, `${tenant.path}/keys`)
    rotated.secret = bearer.secret
    return rotated
  }
  const revealWith = async (bearer: Bearer, code?: string) => {
    const { id } = await tenant.endpoint()
    return bearer.ask('GET', `${tenant.path}/endpoints/${id}/secret`, code)
  }

  it('is no way around it: the new key takes codes of the same authenticator', async () => {
    const made = await rotate(await (await bearerOf(tenant)).enrol())
    expect(await made.state()).toMatchObject({ state: 'enrolled' })
    expectProblem(await revealWith(made), 403, 'totp_required')
    expect((await revealWith(made, made.nextCode())).status).toBe(200)
  })

  it('hands it on from one to the next', async () => {
    const second = await rotate(await (await bearerOf(tenant)).enrol())
    pass(STEP_MS)
    const third = await rotate(second)
    expectProblem(await revealWith(third), 403, 'totp_required')
    expect((await revealWith(third, third.nextCode())).status).toBe(200)
  })

  it('keeps a code that one of the two has used from the other', async () => {
    const old = await (await bearerOf(tenant)).enrol()
    const made = await rotate(old)
    const code = made.nextCode()
    expect((await revealWith(old, code)).status).toBe(200)
    expectProblem(await revealWith(made, code), 403, 'totp_invalid')
  })

  it('gives nobody more guesses', async () => {
    const old = await (await bearerOf(tenant)).enrol()
    const made = await rotate(old)
    for (let i = 0; i < 5; i++)
      expectProblem(await revealWith(i % 2 === 0 ? old : made, made.wrongCode(i)), 403, 'totp_invalid')
    for (const bearer of [old, made]) expectProblem(await revealWith(bearer, bearer.nextCode()), 429, 'totp_locked')
  })

  it('lets the old key enrol no more: a thief would bind the new one to an authenticator of theirs', async () => {
    const old = await bearerOf(tenant)
    const begun = await old.begin()
    const { body } = await old.ask('POST', `${old.path}/rotate`)
    const made = new Bearer(body, `${tenant.path}/keys`)
    expectProblem(await old.ask('POST', `${old.path}/totp`), 409, 'wrong_state')
    expect(begun.status).toBe(201)
    expectProblem(await old.confirm(), 409, 'wrong_state')
    await made.enrol()
    expect(await old.state()).toMatchObject({ state: 'enrolled' })
  })

  it('by an admin who is not enrolled leaves the new key as bound as the old one was', async () => {
    const [bearer, admin] = [await (await bearerOf(tenant)).enrol(), await bearerOf(tenant)]
    const { body } = await admin.ask('POST', `${bearer.path}/rotate`)
    const made = new Bearer(body, `${tenant.path}/keys`)
    expectProblem(await revealWith(made), 403, 'totp_required')
  })
})
