/**
 * Time-ordered ids: a prefix and 26 Crockford base32 characters (ULID layout: 48 bits of
 * milliseconds, 80 random bits). https://github.com/ulid/spec
 *
 * A message published with an idempotency key gets a *keyed* id instead: a hash of the same
 * shape whose first character is `Z`. A ULID starts with 0–7 until the year 10889, so the two
 * kinds never meet and an index can hold the keyed ones alone.
 */

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_LENGTH = 10
const RANDOM_LENGTH = 16

export type IdPrefix = 'msg' | 'ep' | 'key' | 'src' | 'att' | 'aud' | 'dl' | 'era'

export type RandomBytes = (length: number) => Uint8Array

/**
 * Makes a time-ordered id.
 * @param now_ms Unix time in milliseconds
 * @param random source of random bytes
 */
export function createId(prefix: IdPrefix, now_ms: number, random: RandomBytes): string {
  let time = ''
  let rest = now_ms
  for (let i = 0; i < TIME_LENGTH; i++) {
    time = ALPHABET[rest % 32] + time
    rest = Math.floor(rest / 32)
  }
  return `${prefix}_${time}${encode(random(RANDOM_LENGTH), RANDOM_LENGTH)}`
}

/**
 * Makes a keyed id: the same bytes always give the same id.
 * @param digest at least 25 bytes of a cryptographic hash
 */
export function createKeyedId(prefix: IdPrefix, digest: Uint8Array): string {
  return `${prefix}_Z${encode(digest, TIME_LENGTH + RANDOM_LENGTH - 1)}`
}

/** True for ids made by {@link createKeyedId}. */
export function isKeyedId(id: string): boolean {
  return id[id.indexOf('_') + 1] === 'Z'
}

/** Unix milliseconds inside a time-ordered id; undefined for a keyed or malformed one. */
export function timeOfId(id: string): number | undefined {
  if (isKeyedId(id)) return undefined
  const start = id.indexOf('_') + 1
  let time = 0
  for (const character of id.slice(start, start + TIME_LENGTH)) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return undefined
    time = time * 32 + digit
  }
  return time
}

/** A regular expression source that matches ids with this prefix. */
export function idPattern(prefix: IdPrefix): string {
  return `^${prefix}_[0-9A-HJKMNP-TV-Z]{26}$`
}

// One byte per character, of which five bits are used: simple, and random bytes are cheap.
function encode(bytes: Uint8Array, length: number): string {
  let text = ''
  for (let i = 0; i < length; i++) text += ALPHABET[(bytes[i] ?? 0) & 31]
  return text
}
