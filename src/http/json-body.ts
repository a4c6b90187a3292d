import type { z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { checkStrictJson } from '../lib/strict-json.ts'
import { ProblemError, problem } from './problems.ts'
import { takeBody } from './take-body.ts'

/** Text in UTF-8 and nothing else (RFC 8259, section 8.1): another charset would be read as something that nobody sent. */
const JSON_TYPE = /^application\/json(;\s*charset="?utf-8"?)?$/i

/** A JSON body that must be there. */
export function jsonBody<S extends z.ZodType>(schema: S) {
  return { required: true as const, content: { 'application/json': { schema } } }
}

/**
 * A JSON body that may be left out. Without a content type nothing is validated, so the handler parses
 * what it got once more, for the defaults.
 */
export function optionalJsonBody<S extends z.ZodType>(schema: S) {
  return { required: false as const, content: { 'application/json': { schema } } }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** Reads the body and refuses what cannot be JSON before it is parsed; one that may be left out may also be empty. */
export function takeJson(bytes_max: number, is_required: boolean): MiddlewareHandler {
  return async function takeJson(c, next) {
    const type = c.req.header('content-type')
    const is_empty = type === undefined && c.req.raw.body === null
    // The validator would take a body that is not there for an empty object, and that may mean "all of them".
    if (is_empty && is_required) throw new ProblemError(problem('invalid_request', 'a JSON body is required'))
    if (!is_empty && !JSON_TYPE.test(type ?? '')) refuseType('send the body with content-type: application/json')
    const text = decode(await takeBody(c, bytes_max))
    const is_strict = checkStrictJson(text)
    if (!is_strict.ok) throw new ProblemError(problem('invalid_json', `the body: ${is_strict.error}`))
    // The validator reads what is cached here. Many clients name the type of a body that they do not send.
    Object.assign(c.req.bodyCache, { text: Promise.resolve(text === '' && !is_required ? '{}' : text) })
    await next()
  }
}

function refuseType(detail: string): never {
  throw new ProblemError(problem('unsupported_media_type', detail))
}

/** Hono would put U+FFFD where bytes are not UTF-8, and deliver something else than was sent. */
function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new ProblemError(problem('invalid_json', 'the body is not UTF-8'))
  }
}
