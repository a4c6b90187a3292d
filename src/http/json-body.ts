import type { z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ProblemError, problem } from './problems.ts'

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

/** Refuses a body above the limit, whatever its headers say of its length. */
export function limitBody(bytes_max: number): MiddlewareHandler {
  const count = bodyLimit({
    maxSize: bytes_max,
    onError: () => {
      throw new ProblemError(problem('payload_too_large', `a body here may have ${bytes_max} bytes`))
    },
  })
  return function limitBody(c, next) {
    // HTTP itself holds a body to this length, so it need not be looked at.
    const declared = c.req.header('transfer-encoding') === undefined ? c.req.header('content-length') : undefined
    return declared !== undefined && Number(declared) <= bytes_max ? next() : count(c, next)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** Refuses what cannot be JSON before it is parsed; a body that may be left out may also be empty. */
export function requireJson(is_required: boolean): MiddlewareHandler {
  return async function requireJson(c, next) {
    const type = c.req.header('content-type')
    const is_empty = type === undefined && c.req.raw.body === null
    // The validator would take a body that is not there for an empty object, and that may mean "all of them".
    if (is_empty && is_required) throw new ProblemError(problem('invalid_request', 'a JSON body is required'))
    if (!is_empty && !/^application\/json(\s*;|$)/i.test(type ?? '')) {
      throw new ProblemError(problem('unsupported_media_type', 'send the body with content-type: application/json'))
    }
    const text = decode(await c.req.arrayBuffer())
    // The validator reads what is cached here. Many clients name the type of a body that they do not send.
    Object.assign(c.req.bodyCache, { text: Promise.resolve(text === '' && !is_required ? '{}' : text) })
    await next()
  }
}

/** Hono would put U+FFFD where bytes are not UTF-8, and deliver something else than was sent. */
function decode(bytes: ArrayBuffer): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new ProblemError(problem('invalid_json', 'the body is not UTF-8'))
  }
}
