import { verify } from '@octokit/webhooks-methods'
import { describe, expect, it } from 'vitest'
import type { Invented, Sampler } from '../../../scripts/samples/sampler.ts'
import { SAMPLERS } from '../../../scripts/samples.ts'
import { signRequest, withOwn } from '../../../scripts/send/signed-request.ts'

const URL = 'https://postern.example/in/src_1'
const { github } = SAMPLERS

const verified = ({ headers, body }: { headers: Record<string, string>; body: Uint8Array }, secret: string) =>
  verify(secret, Buffer.from(body).toString(), headers['x-hub-signature-256'] ?? '')

describe('a sample request', () => {
  it('is signed with the secret of the user’s own source', async () => {
    const key = withOwn(await github.invent(), { secret: 'the secret of my source' })
    const request = await signRequest(github, key, { type: 'push', url: URL })
    expect(await verified(request, 'the secret of my source')).toBe(true)
    expect(await verified(request, 'another secret')).toBe(false)
  })

  it('is a new event each time, unless it is given an id', async () => {
    const key = await github.invent()
    const idOf = async (id: string | null) =>
      (await signRequest(github, key, { type: 'push', url: URL, id })).headers['x-github-delivery']
    expect(await idOf(null)).not.toBe(await idOf(null))
    expect(await idOf('7')).toBe('7')
  })

  it('may have any body and any time', async () => {
    const body = Uint8Array.of(0xff, 0x00, 0xfe)
    const at = new Date('2001-09-09T01:46:40Z')
    const request = await signRequest(SAMPLERS.stripe, await SAMPLERS.stripe.invent(), {
      type: 'invoice.paid',
      url: URL,
      at,
      body,
    })
    expect(request.body).toEqual(body)
    expect(request.headers['stripe-signature']).toMatch(/^t=1000000000,/)
  })
})

describe('what a source of the user’s own knows', () => {
  const invented: Invented = {
    signing_key: 'made up',
    credentials: { username: 'postern', password: 'made up' },
    settings: { header: 'x-signature', encoding: 'hex' },
  }

  it('takes the place of what was made up for it', () => {
    expect(withOwn(invented, { secret: 'mine' })).toEqual({
      ...invented,
      signing_key: 'mine',
      credentials: { username: 'postern', password: 'mine' },
    })
  })

  it('may have more parts than one', () => {
    const credentials = { username: 'me', password: 'mine' }
    expect(withOwn(invented, { credentials })).toEqual({ ...invented, signing_key: 'mine', credentials })
  })

  it('may sign with several of them together', () => {
    const of_both = { signing_key: 'postern:made up', credentials: { username: 'postern', password: 'made up' } }
    const own = { username: '$&', password: 'mine' }
    expect(withOwn(of_both, { credentials: own })).toMatchObject({ signing_key: '$&:mine', credentials: own })
    expect(withOwn(of_both, { secret: 'me:mine' }).signing_key).toBe('me:mine')
  })

  it('keeps the settings that are not named', () => {
    expect(withOwn(invented, { settings: { encoding: 'base64' } }).settings).toEqual({
      header: 'x-signature',
      encoding: 'base64',
    })
  })
})

describe('the samplers', () => {
  it.each(Object.entries<Sampler>(SAMPLERS))(
    'of %s have examples, none of which fails to be signed',
    async (_name, sampler) => {
      const types = Object.keys(sampler.events)
      expect(types.length).toBeGreaterThan(0)
      for (const type of types) {
        const { headers, body } = await signRequest(sampler, await sampler.invent(), { type, url: URL })
        expect(Object.keys(headers)).toEqual(Object.keys(headers).map((name) => name.toLowerCase()))
        expect(headers['content-type'], type).toBeTypeOf('string')
        expect(body.length, type).toBeGreaterThan(0)
      }
    },
  )
})
