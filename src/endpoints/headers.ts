import { z } from '@hono/zod-openapi'
import { refuseHeader } from '../lib/header-rules.ts'

const HEADERS_MAX = 20

/** An endpoint's own request headers; names come out in lower case. */
export const headersField = z
  // Not `z.record`, which leaves out a member `__proto__` without a word.
  .custom<Record<string, unknown>>((given) => typeof given === 'object' && given !== null && !Array.isArray(given), {
    message: 'must be an object of header names and values',
  })
  .transform((given, context) => {
    const members = Object.entries(given)
    if (members.length > HEADERS_MAX) {
      context.addIssue({ code: 'custom', message: `at most ${HEADERS_MAX} headers` })
      return z.NEVER
    }
    const headers = new Map<string, string>()
    for (const [written, value] of members) {
      const name = written.toLowerCase()
      const message = headers.has(name) ? 'is there twice' : refuse(name, value)
      if (message !== null) context.addIssue({ code: 'custom', path: [written], message })
      headers.set(name, String(value))
    }
    return Object.fromEntries(headers)
  })
  .openapi({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: `Sent with every attempt; at most ${HEADERS_MAX}, none that Postern sets itself`,
    example: { authorization: 'Bearer …' },
  })

function refuse(name: string, value: unknown): string | null {
  return typeof value === 'string' ? refuseHeader(name, value) : 'its value must be text'
}
