/** Members of messages that others name too: endpoints, which take some messages, and sources, which make some. */
import { z } from '@hono/zod-openapi'

export const channel = z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'must be 1 to 128 letters, digits, or _ . : -')

/** RFC 9110, section 8.3.1. */
export const mediaType = z
  .string()
  .regex(/^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+([ \t]*;[\x20-\x7e]*)?$/, 'must be a media type')
  .max(255)
