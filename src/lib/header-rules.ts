/** Which headers a request to a receiver may have from elsewhere: set for an endpoint, or passed on. */

const VALUE_LENGTH_MAX = 1024

/** `token` of RFC 9110, section 5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** Visible ASCII with inner spaces: no line break can end the header and begin another. */
const VALUE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/

/** What signs, frames, packs or routes a request is Postern's or the platform's to set. */
const RESERVED: ReadonlySet<string> = new Set([
  // No header, but what objects inherit by: many a reader of JSON loses it, as would the endpoint's settings.
  '__proto__',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie2',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'true-client-ip',
  'upgrade',
  'user-agent',
  'via',
  'x-real-ip',
])
const RESERVED_PREFIXES = ['webhook-', 'postern-', 'cf-', 'proxy-', 'x-forwarded-']

/** What Postern says of a message that came through a source, and what the provider said that Postern says itself. */
const OF_SOURCES = ['postern-source', 'postern-hops']
export const ORIGINAL_PREFIX = 'postern-original-'

/**
 * Whether a header of a message is sent on. Of what is reserved only what a source has put there.
 * @param name in lower case
 */
export function isForwardedHeader(name: string): boolean {
  return !isReservedHeader(name) || OF_SOURCES.includes(name) || name.startsWith(ORIGINAL_PREFIX)
}

/** @param name in lower case */
export function isReservedHeader(name: string): boolean {
  return RESERVED.has(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix))
}

/**
 * Why a header cannot be sent, as the end of a sentence about it; null when it can.
 * @param name in lower case
 */
export function refuseHeader(name: string, value: string): string | null {
  if (!NAME.test(name)) return 'is not a header name'
  if (isReservedHeader(name)) return 'is not yours to set'
  if (value.length > VALUE_LENGTH_MAX) return `its value is longer than ${VALUE_LENGTH_MAX} characters`
  return VALUE.test(value) ? null : 'its value must be visible ASCII characters with inner spaces at most'
}
