/** People with authenticator apps, made by `otplib`: another maker than that of what they prove themselves to. */
import { generateSync } from 'otplib'
import { expect, vi } from 'vitest'
import { type CallOptions, call, type Json, type Reply, type TenantHandle } from './harness.ts'

export const STEP_MS = 30_000

/** Stops Postern's clock in the middle of a time step, until the test ends. */
export function stopClock(): void {
  setClock(Math.floor(Date.now() / STEP_MS) * STEP_MS + STEP_MS / 2)
}

/** Moves the stopped clock. */
export function pass(ms: number): void {
  setClock(Date.now() + ms)
}

function setClock(unix_ms: number): void {
  vi.spyOn(Date, 'now').mockReturnValue(unix_ms)
}

/** What the app shows now, or so many time steps from now. */
function codeOf(secret: string, steps = 0): string {
  return generateSync({ secret, epoch: Math.floor((Date.now() + steps * STEP_MS) / 1000) })
}

/** A code that the app does not show for minutes. */
function wrongCode(secret: string, nth = 0): string {
  const near = new Set(Array.from({ length: 21 }, (_, i) => codeOf(secret, i - 10)))
  const wrong = Array.from({ length: 30 + nth }, (_, i) => String(i).padStart(6, '0')).filter((code) => !near.has(code))
  return wrong[nth] ?? ''
}

/** A key, and the app of whoever bears it. */
export class Bearer {
  readonly id: string
  readonly key: string
  /** Where it is asked about: below its tenant, or among operators'. */
  readonly path: string
  secret = ''

  constructor({ id, key }: { id: string; key: string }, keys_path: string) {
    this.id = id
    this.key = key
    this.path = `${keys_path}/${id}`
  }

  /** Asks with this key; with a code if one is given. */
  ask(method: string, path: string, code?: string, options: CallOptions = {}): Promise<Reply> {
    const headers = { ...options.headers, ...(code !== undefined && { 'postern-totp': code }) }
    return call(method, path, { key: this.key, ...options, headers })
  }

  async begin(): Promise<Reply> {
    const reply = await this.ask('POST', `${this.path}/totp`)
    expect(reply.status, JSON.stringify(reply.body)).toBe(201)
    this.secret = reply.body.secret
    return reply
  }

  confirm(code = this.code()): Promise<Reply> {
    return this.ask('POST', `${this.path}/totp/confirm`, undefined, { body: { code } })
  }

  /** Enrols, and lets time pass until the app shows the next code. */
  async enrol(): Promise<this> {
    await this.begin()
    const { status, body } = await this.confirm()
    expect(status, JSON.stringify(body)).toBe(204)
    pass(STEP_MS)
    return this
  }

  async state(): Promise<Json> {
    return (await this.ask('GET', `${this.path}/totp`)).body
  }

  code(steps = 0): string {
    return codeOf(this.secret, steps)
  }

  /** The code of the next time step, for which it waits. */
  nextCode(): string {
    pass(STEP_MS)
    return this.code()
  }

  wrongCode(nth = 0): string {
    return wrongCode(this.secret, nth)
  }
}

/** A new key of a tenant, not enrolled. */
export async function bearerOf(tenant: TenantHandle, fields: Record<string, unknown> = {}): Promise<Bearer> {
  const { status, body } = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'admin', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  return new Bearer(body, `${tenant.path}/keys`)
}

/** A new operator key, not enrolled. */
export async function operator(): Promise<Bearer> {
  const { status, body } = await call('POST', '/v1/keys', { body: { name: 'Ada' } })
  expect(status, JSON.stringify(body)).toBe(201)
  return new Bearer(body, '/v1/keys')
}
