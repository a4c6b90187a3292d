import { z } from '@hono/zod-openapi'

const HEADERS_MAX = 20
const VALUE_LENGTH_MAX = 1024

/** `token` of RFC 9110, section 5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** Visible ASCII with inner spaces: no line break can end the header and begin another. */
const VALUE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/

/** What signs, frames or routes a request is Postern's or the platform's to set. */
const RESERVED = new Set([
  'connection',
  'content-length',
  'content-type',
  'cookie2',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
])
const RESERVED_PREFIXES = ['webhook-', 'postern-', 'cf-', 'proxy-']

/** An endpoint's own request headers; names come out in lower case. */
export const headersField = z
  .record(z.string(), z.string())
  .transform((given, context) => {
    const headers = new Map<string, string>()
    for (const [written, value] of Object.entries(given)) {
      const name = written.toLowerCase()
      const message = headers.has(name) ? 'is there twice' : refusal(name, value)
      if (message !== null) context.addIssue({ code: 'custom', path: [written], message })
      headers.set(name, value)
    }
    if (headers.size > HEADERS_MAX) context.addIssue({ code: 'custom', message: `at most ${HEADERS_MAX} headers` })
    return Object.fromEntries(headers)
  })
  .openapi({
    description: `Sent with every attempt; at most ${HEADERS_MAX}, none that Postern sets itself`,
    example: { authorization: 'Bearer …' },
  })

function refusal(name: string, value: string): string | null {
  if (!NAME.test(name)) return 'is not a header name'
  if (RESERVED.has(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix))) return 'is not yours to set'
  if (value.length > VALUE_LENGTH_MAX) return `its value is longer than ${VALUE_LENGTH_MAX} characters`
  return VALUE.test(value) ? null : 'its value must be visible ASCII characters with inner spaces at most'
}
