/** What providers ask of a URL before they send events to it, and what they hear, as it leaves the Worker. */
import { describe, expect, it } from 'vitest'
import { createTenant } from './harness.ts'
import { createSource, deliver, type SourceHandle, send } from './sources.ts'

const ask = ({ id }: SourceHandle, query: string, init: RequestInit = {}) =>
  deliver(new Request(`https://postern.test/in/${id}${query}`, init))

describe('a source is asked whether it is there', () => {
  it('by Intercom, with HEAD', async () => {
    const source = await createSource(await createTenant(), 'intercom')
    expect(await ask(source, '', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
  })

  it('by Dropbox, and says its challenge back as text that no browser runs', async () => {
    const source = await createSource(await createTenant(), 'dropbox')
    const { status, headers, body } = await ask(source, '?challenge=%3Cb%3Eabc')
    expect({ status, body }).toEqual({ status: 200, body: '<b>abc' })
    expect(headers.get('content-type')).toMatch(/^text\/plain/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('by Meta, with the token that its owner has chosen and with no other', async () => {
    const source = await createSource(await createTenant(), 'meta')
    const { verify_token } = source.invented.credentials
    const query = `?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${verify_token}`
    expect(await ask(source, query)).toMatchObject({ status: 200, body: 1158201444 })
    expect((await ask(source, `${query}x`)).status).toBe(405)
  })

  it('by Microsoft Graph, with an empty POST', async () => {
    const source = await createSource(await createTenant(), 'microsoft_graph')
    const init = { method: 'POST', headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '' }
    const { status, headers, body } = await ask(source, '?validationToken=Validation%3a+x', init)
    expect({ status, body }).toEqual({ status: 200, body: 'Validation: x' })
    expect(headers.get('content-type')).toMatch(/^text\/plain/)
  })

  it('by Discord, whose pings are signed', async () => {
    const source = await createSource(await createTenant(), 'discord')
    const event = await send(source, { body: '{"version":1,"application_id":"1","type":0}' })
    expect(event).toMatchObject({ status: 204, body: '' })
    expect(event.headers.get('content-type')).toBe('application/json')
    const interaction = await send(source, { body: '{"id":"1","application_id":"1","type":1}' })
    expect(interaction).toMatchObject({ status: 200, body: { type: 1 } })
    const headers = { 'x-signature-ed25519': '00' }
    expect(await send(source, { body: '{"type":1}', headers })).toMatchObject({
      status: 401,
      body: { code: 'verification_failed' },
    })
  })

  it('and makes no message of it', async () => {
    const tenant = await createTenant()
    const source = await createSource(tenant, 'discord')
    await send(source, { body: '{"type":0}' })
    expect((await tenant.call('GET', '/messages')).body.data).toEqual([])
  })
})
