import { sha256 } from '../lib/hash.ts'
import type { RandomBytes } from '../lib/ids.ts'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const SECRET_LENGTH = 32
const CHECKSUM_LENGTH = 6
const FORMAT = new RegExp(`^pst_(live|test)_[${ALPHABET}]{${SECRET_LENGTH + CHECKSUM_LENGTH}}$`)

/** How much of a key is kept readable, so that a person can tell keys apart. */
const HINT_LENGTH = 13

export type KeyMode = 'live' | 'test'

/** `pst_live_` or `pst_test_`, 160 random bits and a checksum, so that a mistyped key needs no lookup. */
export async function createApiKey(mode: KeyMode, random: RandomBytes): Promise<string> {
  const stem = `pst_${mode}_${encode(random(SECRET_LENGTH))}`
  return stem + (await checksum(stem))
}

export async function isWellFormedApiKey(key: string): Promise<boolean> {
  if (!FORMAT.test(key)) return false
  const stem = key.slice(0, -CHECKSUM_LENGTH)
  return key === stem + (await checksum(stem))
}

export function hintOf(key: string): string {
  return `${key.slice(0, HINT_LENGTH)}…`
}

/** The mode of a key that is known by its hint alone. */
export function modeOf(hint: string): KeyMode {
  return hint.startsWith('pst_test_') ? 'test' : 'live'
}

async function checksum(stem: string): Promise<string> {
  return encode((await sha256(stem)).subarray(0, CHECKSUM_LENGTH))
}

// Five bits of each byte.
function encode(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += ALPHABET[byte & 31]
  return text
}
