import { describe, expect, it } from 'vitest'
import { type Keyring, parseKeyring, seal, unseal } from '../../src/lib/keyring.ts'
import { resealValue } from '../../src/master-keys/reseal-value.ts'

const master = (id: string, byte: number) => `${id}:${btoa(String.fromCharCode(byte).repeat(32))}`

function keyring(...keys: string[]): Keyring {
  const parsed = parseKeyring(keys.join(','))
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

const OLD = master('old', 1)
const NEW = master('new', 2)
const LOST = master('lost', 3)
const ROW = { tenant_id: 'acme', id: '1' }
const context = ({ tenant_id, id }: Readonly<Record<string, string>>, path: readonly string[]) =>
  [tenant_id, id, ...path].join('/')

const resealed = (holds: 'text' | 'json', stored: string) =>
  resealValue(keyring(NEW, OLD), { holds, context }, ROW, stored)

describe('a column that is a sealed text', () => {
  it('is sealed under the current key, for the same row', async () => {
    const { value, unsealable } = await resealed('text', await seal(keyring(OLD), 'secret', 'acme/1'))
    expect(await unseal(keyring(NEW), value ?? '', 'acme/1')).toEqual({ ok: true, value: 'secret' })
    expect(unsealable).toEqual([])
  })

  it('is left alone when it is under the current key already', async () => {
    expect(await resealed('text', await seal(keyring(NEW), 'secret', 'acme/1'))).toEqual({
      value: null,
      unsealable: [],
    })
  })

  it.each([
    ['whose key is gone', () => seal(keyring(LOST), 'secret', 'acme/1'), 'unknown_key'],
    ['that was moved from another row', () => seal(keyring(OLD), 'secret', 'acme/2'), 'not_authentic'],
    ['that is none', async () => 'nonsense', 'malformed'],
  ])('stays as it is, and is named, when it is one %s', async (_what, make, reason) => {
    expect(await resealed('text', await make())).toEqual({ value: null, unsealable: [reason] })
  })
})

describe('a column of JSON', () => {
  it('has every member named `sealed` sealed again, and nothing else changed', async () => {
    const [a, b] = [await seal(keyring(OLD), 'A', 'acme/1/0'), await seal(keyring(NEW), 'B', 'acme/1/1')]
    const stored = [
      { kind: 'hmac', sealed: a, expires_at: 1 },
      { kind: 'ed25519', sealed: b, expires_at: null },
    ]
    const { value } = await resealed('json', JSON.stringify(stored))
    const after = JSON.parse(value ?? '')
    expect(after).toEqual([{ ...stored[0], sealed: expect.stringMatching(/^new\./) }, stored[1]])
    expect(await unseal(keyring(NEW), after[0].sealed, 'acme/1/0')).toEqual({ ok: true, value: 'A' })
  })

  it('has texts below its top sealed for the first time, whatever their names', async () => {
    const { value } = await resealed('json', JSON.stringify({ authorization: 'Bearer x', sealed: 'new.plain' }))
    const { authorization, sealed, ...rest } = JSON.parse(value ?? '')
    expect(rest).toEqual({})
    expect(await unseal(keyring(NEW), authorization.sealed, 'acme/1/authorization')).toEqual({
      ok: true,
      value: 'Bearer x',
    })
    expect(await unseal(keyring(NEW), sealed.sealed, 'acme/1/sealed')).toEqual({ ok: true, value: 'new.plain' })
    expect(await resealed('json', value ?? '')).toEqual({ value: null, unsealable: [] })
  })

  it('has the rest sealed again when something in it cannot be opened', async () => {
    const [lost, old] = [await seal(keyring(LOST), 'A', 'acme/1/a'), await seal(keyring(OLD), 'B', 'acme/1/b')]
    const { value, unsealable } = await resealed('json', JSON.stringify({ a: { sealed: lost }, b: { sealed: old } }))
    expect(JSON.parse(value ?? '')).toEqual({ a: { sealed: lost }, b: { sealed: expect.stringMatching(/^new\./) } })
    expect(unsealable).toEqual(['unknown_key'])
  })

  it('that holds nothing has nothing to change', async () => {
    for (const stored of ['{}', '[]']) expect(await resealed('json', stored)).toEqual({ value: null, unsealable: [] })
  })
})
