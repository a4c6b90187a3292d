/** One-time codes: which are accepted, once, and what becomes of whoever guesses. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { checkCode } from '../../src/step-up/check-code.ts'
import { findEnrolment } from '../../src/step-up/find-enrolment.ts'
import { type Bearer, bearerOf, pass, stopClock } from './authenticator.ts'
import { breakDatabase, call, createTenant, type TenantHandle } from './harness.ts'
import { expectProblem } from './problem.ts'

const MINUTE_MS = 60_000
let tenant: TenantHandle
let admin: Bearer
let path: string

beforeEach(async () => {
  stopClock()
  // Refused codes are logged, and that is shown once, in totp-enrolment.test.ts.
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  tenant = await createTenant()
  admin = await (await bearerOf(tenant)).enrol()
  path = `${tenant.path}/endpoints/${(await tenant.endpoint()).id}/secret`
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Asks for something sensitive. */
const reveal = (code?: string) => admin.ask('GET', path, code)

describe('a code', () => {
  it('is accepted once', async () => {
    expect((await reveal(admin.code())).status).toBe(200)
    const again = await reveal(admin.code())
    expectProblem(again, 403, 'totp_invalid')
    expect(again.body.detail).toContain('used before')
    expect((await reveal(admin.nextCode())).status).toBe(200)
  })

  it('is accepted once, of however many at once', async () => {
    const replies = await Promise.all(Array.from({ length: 20 }, () => reveal(admin.code())))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const reply of replies.filter(({ status }) => status !== 200)) expectProblem(reply, 403, 'totp_invalid')
    // One that was used is no guess: nobody who repeats a request is locked out.
    expect((await admin.state()).locked_until).toBeNull()
  })

  it('is accepted once, whatever it is sent for', async () => {
    expect((await reveal(admin.code())).status).toBe(200)
    expectProblem(await admin.ask('DELETE', `${admin.path}/totp`, admin.code()), 403, 'totp_invalid')
  })

  it('that confirmed the enrolment is used too', async () => {
    const other = await bearerOf(tenant)
    await other.begin()
    await other.confirm()
    expectProblem(await other.ask('GET', path, other.code()), 403, 'totp_invalid')
  })

  it('of the step before or after is accepted, and none of an earlier step than one that was', async () => {
    pass(5 * MINUTE_MS)
    expect((await reveal(admin.code(-1))).status).toBe(200)
    expect((await reveal(admin.code(1))).status).toBe(200)
    expectProblem(await reveal(admin.code(0)), 403, 'totp_invalid')
  })

  it('of two steps before or after is not', async () => {
    pass(5 * MINUTE_MS)
    for (const steps of [-2, 2]) expectProblem(await reveal(admin.code(steps)), 403, 'totp_invalid')
  })

  it.each([
    ['nothing', ''],
    ['letters', 'abcdef'],
    ['five digits', '12345'],
    ['seven digits', '1234567'],
    ['a word', 'null'],
    ['far too much', '1'.repeat(5000)],
  ])('that is %s is refused, and no guess', async (_what, code) => {
    for (let i = 0; i < 6; i++) expectProblem(await reveal(code), 403, 'totp_invalid')
    expect((await reveal(admin.code())).status).toBe(200)
  })

  it('with digits that are not ASCII is refused, in the bytes that a client would send', async () => {
    const bytes = String.fromCharCode(...new TextEncoder().encode('１２３４５６'))
    expectProblem(await reveal(bytes), 403, 'totp_invalid')
  })

  it('that comes in two headers is refused: it could not be told which is meant', async () => {
    expectProblem(await reveal(`${admin.code()}, ${admin.code()}`), 403, 'totp_invalid')
    expectProblem(await reveal(`${admin.code()}, ${admin.wrongCode()}`), 403, 'totp_invalid')
    expect((await reveal(admin.code())).status).toBe(200)
  })

  it('of another key is refused', async () => {
    const other = await (await bearerOf(tenant)).enrol()
    expectProblem(await reveal(other.code()), 403, 'totp_invalid')
  })

  it('is not used up by a request that is no request', async () => {
    const rotate = { text: '{}', headers: { 'content-type': 'text/plain' } }
    const refused = await admin.ask('POST', `${path}/rotate`, admin.code(), rotate)
    expectProblem(refused, 415, 'unsupported_media_type')
    expect((await reveal(admin.code())).status).toBe(200)
  })

  it('is asked for in vain while the database does not answer: nobody gets past it', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const restore = breakDatabase((sql) => sql.includes('totp_enrolments'))
    expectProblem(await reveal(), 503, 'unavailable')
    expectProblem(await reveal(admin.code()), 503, 'unavailable')
    restore()
    expect((await reveal(admin.code())).status).toBe(200)
  })
})

describe('whoever guesses', () => {
  const guess = async (count: number) => {
    for (let i = 0; i < count; i++) expectProblem(await reveal(admin.wrongCode(i)), 403, 'totp_invalid')
  }
  /** How long it is refused, in seconds. */
  const lockedFor = async () => {
    const reply = await reveal(admin.nextCode())
    expectProblem(reply, 429, 'totp_locked')
    return Number(reply.headers.get('retry-after'))
  }

  it('has five tries, and then even the right code is refused for 15 minutes', async () => {
    await guess(5)
    const locked_until = Date.now() + 15 * MINUTE_MS
    expect((await admin.state()).locked_until).toBe(new Date(locked_until).toISOString())
    pass(15 * MINUTE_MS - 1000)
    const reply = await reveal(admin.code())
    expectProblem(reply, 429, 'totp_locked')
    expect(reply.headers.get('retry-after')).toBe('1')
    pass(1000)
    expect((await reveal(admin.code())).status).toBe(200)
    expect((await admin.state()).locked_until).toBeNull()
  })

  it('learns nothing while it is locked: a wrong code is refused as a right one is', async () => {
    await guess(5)
    const [right, wrong, malformed] = [await reveal(admin.code()), await reveal(admin.wrongCode()), await reveal('x')]
    for (const reply of [right, wrong, malformed]) {
      expect({ ...reply.body, request_id: '' }).toEqual({ ...right.body, request_id: '' })
      expect(reply.headers.get('retry-after')).toBe(right.headers.get('retry-after'))
    }
  })

  it('waits twice as long each time, up to a day', async () => {
    const waits: number[] = []
    for (let i = 0; i < 9; i++) {
      await guess(5)
      waits.push((await lockedFor()) + 30)
      pass(25 * 60 * MINUTE_MS)
    }
    const hours = [0.25, 0.5, 1, 2, 4, 8, 16, 24, 24]
    expect(waits).toEqual(hours.map((hour) => hour * 3600))
  })

  it('has five tries again after a right code', async () => {
    await guess(4)
    expect((await reveal(admin.code())).status).toBe(200)
    await guess(4)
    expect((await reveal(admin.nextCode())).status).toBe(200)
  })

  it('has five tries of a thousand, a hundred at once, and a right one after them does not pass', {
    timeout: 60_000,
  }, async () => {
    const guesses = Array.from({ length: 1000 }, (_, i) => String(i + 1000).padStart(6, '0'))
    const right = admin.code()
    const codes = [...guesses.filter((code) => code !== right), right]
    const tally: Record<string, number> = {}
    for (let i = 0; i < codes.length; i += 100) {
      const replies = await Promise.all(codes.slice(i, i + 100).map(reveal))
      for (const { status, body } of replies) {
        const outcome = status === 200 ? 'revealed' : body.code
        tally[outcome] = (tally[outcome] ?? 0) + 1
      }
    }
    expect(tally).toEqual({ totp_invalid: 5, totp_locked: codes.length - 5 })
  })

  it('has no more tries in several places: removing, confirming and using count together', async () => {
    await guess(3)
    for (let i = 0; i < 2; i++) {
      expectProblem(await admin.ask('DELETE', `${admin.path}/totp`, admin.wrongCode(i)), 403, 'totp_invalid')
    }
    expectProblem(await admin.ask('DELETE', `${admin.path}/totp`, admin.code()), 429, 'totp_locked')
  })

  it('locks this key alone, and an operator can free it', async () => {
    const other = await (await bearerOf(tenant)).enrol()
    await guess(5)
    expect((await other.ask('GET', path, other.code())).status).toBe(200)
    expect((await call('DELETE', `${admin.path}/totp?reason=locked`)).status).toBe(204)
    expect((await reveal('')).status).toBe(200)
  })
})

describe('what was read before others acted decides nothing', () => {
  const deps = createDeps(env, () => {})
  const holder = () => ({ tenant_id: tenant.id, key_id: admin.id })

  /** Checks a code as a request does that has read the enrolment, and is overtaken by these others then. */
  async function overtaken(code: () => string, others: () => Promise<unknown>): Promise<string | undefined> {
    const read = await findEnrolment(deps, holder())
    if (read === undefined) throw new Error('the key is enrolled')
    await others()
    const checked = await checkCode(deps, holder(), read, code())
    return checked.ok ? undefined : checked.error.code
  }
  const fiveWrong = async () => {
    for (let i = 0; i < 5; i++) await reveal(admin.wrongCode(i))
  }

  it('passes when nobody did', async () => {
    expect(
      await overtaken(
        () => admin.code(),
        async () => {},
      ),
    ).toBeUndefined()
  })

  it('keeps a right code out that comes after the last wrong one', async () => {
    expect(await overtaken(() => admin.code(), fiveWrong)).toBe('totp_locked')
  })

  it('counts no sixth wrong code, and says no more of it than of a right one', async () => {
    expect(await overtaken(() => admin.wrongCode(6), fiveWrong)).toBe('totp_locked')
    const failures = (await findEnrolment(deps, holder()))?.failures
    expect(failures).toBe(5)
  })

  it('keeps a code out that others have used', async () => {
    expect(
      await overtaken(
        () => admin.code(),
        () => reveal(admin.code()),
      ),
    ).toBe('totp_invalid')
  })

  it('keeps a code of an enrolment out that is no more', async () => {
    const remove = () => admin.ask('DELETE', `${admin.path}/totp`, admin.code())
    const code = admin.code(1)
    expect(await overtaken(() => code, remove)).toBe('totp_invalid')
  })

  it('keeps a code of a former authenticator out, and counts it for the one that took its place', async () => {
    const former = admin.code(1)
    const change = async () => {
      await admin.ask('DELETE', `${admin.path}/totp`, admin.code())
      await admin.enrol()
    }
    expect(await overtaken(() => former, change)).toBe('totp_invalid')
    expect((await findEnrolment(deps, holder()))?.failures).toBe(1)
  })
})
