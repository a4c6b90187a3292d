import { expect, it } from 'vitest'
import { signedByAny } from '../../src/sources/schemes/ed25519.ts'

// workerd's Ed25519 is not Node's, by which the providers are checked otherwise.
const text = (characters: string) => new TextEncoder().encode(characters)
const bytes = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))

// svix-server, src/worker.rs, test_asymmetric_key_signing
const KEY = bytes('1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=')
const SIGNED = text('msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}')
const SIGNATURE = bytes('hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==')
const [NO_POINT, OTHER] = [new Uint8Array(32).fill(0xff), new Uint8Array(64)]

it('believes a signature by any of the keys, among others', async () => {
  expect(await signedByAny([KEY], SIGNED, [SIGNATURE])).toEqual({ ok: true })
  expect(await signedByAny([NO_POINT, KEY, NO_POINT], SIGNED, [OTHER, SIGNATURE, OTHER])).toEqual({ ok: true })
})

it.each([
  ['another text', [KEY], text('x'), [SIGNATURE]],
  ['another key', [NO_POINT, new Uint8Array(32)], SIGNED, [SIGNATURE]],
  ['a key of another length', [new Uint8Array(3)], SIGNED, [SIGNATURE]],
  ['another signature', [KEY], SIGNED, [OTHER]],
  ['signatures of other lengths', [KEY], SIGNED, [SIGNATURE.slice(1), new Uint8Array(0), new Uint8Array(65)]],
  ['no signature', [KEY], SIGNED, []],
  ['no key', [], SIGNED, [SIGNATURE]],
])('does not believe %s, and does not throw', async (_what, keys, signed, signatures) => {
  expect(await signedByAny(keys, signed, signatures)).toEqual({ ok: false, error: 'signature_mismatch' })
})
