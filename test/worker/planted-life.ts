/**
 * All that can happen to secrets, through the real API: they are planted, used, refused, lost by faults and rotated, and
 * every answer is noted. A secret of a new kind is one more `plant` or `make` here.
 */
/// <reference types="node" />
import { env } from 'cloudflare:workers'
import { expect, vi } from 'vitest'
import { operationsOf, readDocument } from './api-document.ts'
import { Bearer } from './authenticator.ts'
import {
  breakEndpoint,
  type CallOptions,
  call,
  consumed,
  eventually,
  type Json,
  type Receivers,
  type Reply,
  ringAlarm,
  runCron,
  skip,
} from './harness.ts'
import { deployMasterKeys, masterKey } from './master-keys-ring.ts'
import type { Planted, Text } from './planted-secrets.ts'

const HOUR_MS = 60 * 60 * 1000
const TENANT = 'planted'
const path = `/v1/tenants/${TENANT}`

/** Something that nobody could have by chance. */
const random = (prefix: string, length = 32) =>
  prefix + Buffer.from(crypto.getRandomValues(new Uint8Array(length))).toString('base64')

const urlOf = (name: string) => `https://receiver.test/${name}`

export class PlantedLife {
  readonly planted: Planted[] = []
  readonly answers: Text[] = []
  private readonly receivers: Receivers
  private readonly keys: Record<string, Json> = {}
  private readonly endpoints: Record<string, Json> = {}
  private readonly sources: Record<string, Json> = {}
  private enrolled = new Bearer({ id: '', key: '' }, '')
  private first_message = ''
  private master_key = ''

  constructor(receivers: Receivers) {
    this.receivers = receivers
  }

  /** Objects that belong to its endpoints. */
  get object_names(): string[] {
    return Object.values(this.endpoints).flatMap(({ id, lanes }) => (lanes === 1 ? [id] : [id, `${id}/1`]))
  }

  /** @param look after each part of it, because a later one may clear away what an earlier one has left */
  async live(look: () => Promise<void>): Promise<void> {
    this.plant('the operator key of the settings', env.POSTERN_OPERATOR_KEY ?? '')
    this.master_key = this.plant('master key 1', masterKey('k1'))
    await deployMasterKeys(this.master_key)
    for (const part of [
      () => this.makeKeys(),
      () => this.enrol(),
      () => this.makeEndpoints(),
      () => this.makeSources(),
      () => this.deliver(),
      () => this.beRefused(),
      () => this.fail(),
      () => this.rotateMasterKey(),
      () => this.readEverything(),
    ]) {
      await part()
      await look()
    }
  }

  private async makeKeys(): Promise<void> {
    await this.ask('POST', '/v1/tenants', { body: { id: TENANT, name: 'Planted' } })
    for (const role of ['admin', 'viewer', 'publisher', 'developer']) {
      this.keys[role] = await this.make(`${role} key`, `${path}/keys`, { name: role, role }, 'key')
    }
    await this.make('rotated key', `${path}/keys/${this.key('publisher').id}/rotate`, {}, 'key')
    await this.ask('DELETE', `${path}/keys/${this.key('developer').id}`)
    const operator = await this.make('operator key', '/v1/keys', { name: 'o' }, 'key')
    await this.make('rotated operator key', `/v1/keys/${operator.id}/rotate`, {}, 'key')
  }

  /** A key whose bearer has an authenticator. Its codes are good for a minute; what makes them is the secret. */
  private async enrol(): Promise<void> {
    const made = await this.make('enrolled key', `${path}/keys`, { name: 'enrolled', role: 'admin' }, 'key')
    this.enrolled = new Bearer(made, `${path}/keys`)
    const { key } = this.enrolled
    const totp = `${this.enrolled.path}/totp`
    const { body } = await this.ask('POST', totp, { key, shows: ['secret of codes'] })
    this.enrolled.secret = this.plant('secret of codes', body.secret)
    await this.refused('POST', `${totp}/confirm`, { key, body: { code: this.enrolled.wrongCode() } })
    await this.ask('POST', `${totp}/confirm`, { key, body: { code: this.enrolled.code() } })
    expect((await this.ask('GET', totp, { key })).body.state).toBe('enrolled')
    await this.refused('DELETE', totp, { key, headers: { 'postern-totp': this.enrolled.wrongCode() } })
  }

  /** One that accepts, one that fails, one that says everything back, and one in lanes. */
  private async makeEndpoints(): Promise<void> {
    const kinds = {
      fine: { secret: random('whsec_') },
      failing: { secret_kind: 'ed25519', retry_delays_s: [] },
      echoing: { retry_delays_s: [3600] },
      laned: { lanes: 2, transform: '{"text": headers.authorization, "data": data}' },
    }
    for (const [name, settings] of Object.entries(kinds)) {
      const authorization = this.plant(`header of ${name}`, random('Bearer '))
      const body = { url: urlOf(name), headers: { authorization }, ...settings }
      this.endpoints[name] = await this.make(`secret of ${name}`, `${path}/endpoints`, body, 'secret', [
        `header of ${name}`,
      ])
    }
    this.receivers.become(urlOf('failing'), 500)
    this.receivers.become(urlOf('echoing'), ({ headers }) => {
      const said = [...headers].map(([name, value]) => `${name}: ${value}`).join('\n')
      const authorization = headers.get('authorization') ?? ''
      // Once more where the text that is kept is cut off.
      const body = said.padEnd(4080, '.') + authorization
      return new Response(body, { status: 400, headers: { 'x-you-said': authorization } })
    })
    for (const name of ['fine', 'laned']) {
      await this.make(`new secret of ${name}`, `${this.of(name)}/secret/rotate`, {}, 'secret')
    }
    const headers = { 'x-api-key': this.plant('changed header', random('')) }
    await this.ask('PATCH', this.of('fine'), { body: { headers }, shows: ['changed header'] })
    await this.ask('GET', `${this.of('fine')}/secret`, { shows: ['secret of fine', 'new secret of fine'] })
  }

  /** One whose credentials were made, and one that was given some; each was rotated once. */
  private async makeSources(): Promise<void> {
    const made = await this.ask('POST', `${path}/sources`, {
      body: { name: 'made', provider: 'github' },
      shows: ['credentials that were made'],
    })
    this.plant('credentials that were made', made.body.credentials.secret)
    const rotated = await this.ask('POST', `${path}/sources/${made.body.id}/secret/rotate`, {
      shows: ['credentials that were made anew'],
    })
    this.plant('credentials that were made anew', rotated.body.credentials.secret)
    const secret = this.plant('credentials of a provider', random('whsec_'))
    const given = await this.ask('POST', `${path}/sources`, {
      body: { name: 'given', provider: 'stripe', credentials: { secret } },
    })
    expect(given.status).toBe(201)
    const next = this.plant('new credentials of a provider', random('whsec_'))
    const body = { credentials: { secret: next } }
    expect((await this.ask('POST', `${path}/sources/${given.body.id}/secret/rotate`, { body })).status).toBe(200)
    await this.ask('PATCH', `${path}/sources/${given.body.id}`, { body: { paused: true } })
    Object.assign(this.sources, { made: made.body, given: given.body })
  }

  /** Messages: delivered, failed, dead, large, in a batch, queued, wanted by nobody, and one that is none. */
  private async deliver(): Promise<void> {
    const publish = (data: Json) =>
      this.ask('POST', `${path}/messages`, { body: { type: 'invoice.paid', data }, key: this.key('admin').key })
    this.first_message = (await publish({ n: 1 })).body.id
    await Promise.all([
      this.inState('succeeded', 'fine'),
      this.inState('dead', 'failing'),
      this.inState('waiting', 'echoing'),
      this.inState('succeeded', 'laned'),
    ])
    await publish({ large: 'x'.repeat(100 * 1024) })
    const messages = [
      { type: 'a.b', data: 1 },
      { type: 'a.c', data: 2 },
    ]
    await this.ask('POST', `${path}/messages/batch`, { body: { messages } })
    const mend = breakEndpoint(this.endpoints.fine.id)
    await publish({ n: 2 })
    await this.ask('GET', `${this.of('fine')}/breaker`)
    mend()
    await this.ask('POST', `${path}/deliveries/${this.delivery('echoing')}/retry`)
    await this.ask('POST', `${this.of('fine')}/test`)
    await this.ask('POST', `${path}/event-types`, { body: { name: 'invoice.paid' } })
    await this.ask('POST', '/v1/tenants', { body: { id: 'nobody-listens', name: 'N' } })
    await this.ask('POST', '/v1/tenants/nobody-listens/messages', { body: { type: 'a.b', data: {} } })
    await consumed('fanout', [{ v: 99, anything: true }])
  }

  /** Secrets wherever a body, a header or a path has room for one. */
  private async beRefused(): Promise<void> {
    const wrong = this.plant('a secret that is refused', random('whsec_', 80))
    const unread = this.plant('a secret where none belongs', random('whsec_'))
    const url = urlOf('wrong')
    for (const body of [
      { url, secret: wrong },
      // A slash would end the host.
      { url: `https://user:${encodeURIComponent(unread.slice(6, 30))}@receiver.test/` },
      { url, headers: { authorization: `${unread}\n` } },
      { url, secrets: [unread], headers: { host: unread } },
      { url, timeout_ms: unread, secret_kind: unread },
    ]) {
      await this.refused('POST', `${path}/endpoints`, { body })
    }
    const github = `${path}/sources/${this.sources.made.id}`
    for (const credentials of [{ secret: `${unread} ${'x'.repeat(256)}` }, { token: unread }, unread, [unread]]) {
      await this.refused('POST', `${path}/sources`, { body: { name: 's', provider: 'github', credentials } })
      await this.refused('POST', `${github}/secret/rotate`, { body: { credentials } })
      await this.refused('PATCH', github, { body: { credentials } })
    }
    await this.refused('PATCH', github, { body: { settings: { secret: unread } } })
    await this.refused('POST', `${path}/endpoints`, { text: `{"secret": "${unread}", oops` })
    await this.refused('POST', `${this.of('fine')}/secret/rotate`, { body: { secret: wrong, kind: 'ed25519' } })
    const headers = { 'content-type': 'text/plain' }
    await this.refused('POST', `${path}/messages`, { text: `secret=${unread}`, headers })
    await this.refused('POST', `${path}/keys`, { body: { name: 'k', role: unread, ip_allowlist: [unread] } })
    for (const key of [this.key('developer').key, unread, this.key('viewer').key]) {
      await this.refused('GET', '/v1/tenants', { key })
    }
    const key = encodeURIComponent(this.key('admin').key)
    await this.refused('GET', `${path}/endpoints?cursor=${key}`)
    await this.refused('GET', `${path}/keys/${key}`)
    await this.refused('GET', `/v1/nowhere/${key}`)
    await this.refused('PUT', `${path}/keys/${key}`)
  }

  /** The database fails while it is given secrets, and something fails that nobody expected. */
  private async fail(): Promise<void> {
    const lost = {
      url: urlOf('lost'),
      secret: this.plant('secret of what is lost', random('whsec_')),
      headers: { authorization: this.plant('header of what is lost', random('Bearer ')) },
    }
    const credentials = { secret: this.plant('credentials of what is lost', random('')) }
    const failing = vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: Network connection lost.'))
    const replies = [
      await this.ask('POST', `${path}/endpoints`, { body: lost }),
      await this.ask('PATCH', this.of('fine'), { body: { headers: lost.headers } }),
      await this.ask('POST', `${this.of('fine')}/secret/rotate`, { body: { secret: lost.secret } }),
      await this.ask('POST', `${path}/keys`, { body: { name: 'lost', role: 'viewer' } }),
      await this.ask('POST', `${path}/sources`, { body: { name: 'lost', provider: 'github', credentials } }),
      await this.ask('POST', `${path}/sources/${this.sources.made.id}/secret/rotate`, { body: { credentials } }),
    ]
    failing.mockRestore()
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 503))
    const broken = vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new TypeError('nobody expected this')
    })
    expect((await this.ask('POST', `${path}/endpoints`, { body: lost })).status).toBe(500)
    broken.mockRestore()
  }

  /** A new one, while the old one was removed too early; and one that is not the one of its id. */
  private async rotateMasterKey(): Promise<void> {
    const next = this.plant('master key 2', masterKey('k2'))
    await deployMasterKeys(next)
    await runCron('master_keys.rotate')
    expect((await this.ask('GET', `${this.of('fine')}/secret`)).status).toBe(500)
    const with_code = { key: this.enrolled.key, headers: { 'postern-totp': this.enrolled.code(1) } }
    expect((await this.ask('GET', `${this.of('fine')}/secret`, with_code)).body.code).toBe('secret_unsealable')
    await this.ask('GET', '/v1/master-keys')
    await deployMasterKeys(next, this.master_key)
    await this.ask('POST', '/v1/master-keys/rotation')
    skip(HOUR_MS)
    await runCron('master_keys.rotate')
    await this.ask('GET', '/v1/master-keys')
    await deployMasterKeys(this.plant('master key 3', masterKey('k2')))
    await runCron('master_keys.rotate')
    await this.refused('POST', '/v1/master-keys/rotation')
    await deployMasterKeys(next)
    for (const job of ['retention.rows', 'retention.payloads', 'tenants.purge'] as const) await runCron(job)
    await Promise.all(Object.values(this.endpoints).map(({ id }) => ringAlarm(id)))
  }

  /** Every route that reads, by an operator, who may see headers, and by a viewer, who may not. */
  private async readEverything(): Promise<void> {
    const letter = await eventually('the dead letter to be listed', async () => {
      const { body } = await this.ask('GET', `${path}/dead-letters`)
      return body.data[0]
    })
    const ids: Record<string, string> = {
      tenant: TENANT,
      endpoint: this.endpoints.echoing.id,
      key: this.key('admin').id,
      message: this.first_message,
      delivery: this.delivery('echoing'),
      source: this.sources.given.id,
      name: 'invoice.paid',
      id: letter.id,
    }
    const headers = this.planted.map(({ name }) => name).filter((name) => name.includes('header'))
    for (const { method, path, permission } of operationsOf(await readDocument())) {
      if (method !== 'GET' || permission === 'endpoint.secret.reveal') continue
      const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => ids[name] ?? name)
      await this.ask('GET', filled, { shows: permission === 'endpoint.read' ? headers : [] })
      await this.ask('GET', filled, { key: this.key('viewer').key })
    }
  }

  private plant(name: string, secret: string): string {
    this.planted.push({ name, secret })
    return secret
  }

  /** Makes something with a secret, which this answer alone shows. */
  private async make(name: string, path: string, body: Json, field: 'key' | 'secret', shows: string[] = []) {
    const reply = await this.ask('POST', path, { body, shows: [name, ...shows] })
    expect(reply.status, JSON.stringify(reply.body)).toBeOneOf([200, 201])
    this.plant(name, reply.body[field])
    return reply.body
  }

  private async refused(method: string, path: string, options: CallOptions = {}): Promise<void> {
    const { status, body } = await this.ask(method, path, options)
    expect(status, JSON.stringify(body)).toBeOneOf([400, 401, 403, 404, 405, 409, 415, 422])
  }

  /** @param shows names of planted secrets that the answer is meant to show */
  private async ask(method: string, path: string, options: CallOptions & { shows?: string[] } = {}): Promise<Reply> {
    const { shows = [], ...rest } = options
    const reply = await call(method, path, rest)
    const text = [JSON.stringify(reply.body), ...[...reply.headers].flat()].join('\n')
    this.answers.push({ place: `answer ${this.answers.length + 1}: ${method} ${reply.status}`, text, shows })
    return reply
  }

  private inState(state: string, endpoint: string): Promise<boolean> {
    return eventually(`what is for ${endpoint} to be ${state}`, async () => {
      const { body } = await this.ask('GET', `${path}/deliveries/${this.delivery(endpoint)}`)
      return body.state === state
    })
  }

  private key(role: string): Json {
    return this.keys[role]
  }

  private of(endpoint: string): string {
    return `${path}/endpoints/${this.endpoints[endpoint].id}`
  }

  private delivery(endpoint: string): string {
    return `${this.first_message}.${this.endpoints[endpoint].id}`
  }
}
