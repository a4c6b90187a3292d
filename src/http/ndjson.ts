import { z } from '@hono/zod-openapi'
import { encodeUtf8 } from '../lib/utf8.ts'
import type { AppContext } from './context.ts'

const NDJSON = 'application/x-ndjson'

/** An answer of one JSON object a line, for what may be longer than memory. */
export function ndjsonAnswer(description: string) {
  return { description, content: { [NDJSON]: { schema: z.string() } } }
}

/**
 * Answers lines as they are taken: each is made when the one before it has been, so memory stays bounded however
 * slowly somebody reads.
 * @returns typed as nothing, because the contract's types cannot express this media type
 */
export function ndjson(c: AppContext, lines: AsyncGenerator<object>): never {
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next()
      if (done) controller.close()
      else controller.enqueue(encodeUtf8(`${JSON.stringify(value)}\n`))
    },
    async cancel() {
      await lines.return(undefined)
    },
  })
  return c.body(stream, 200, { 'content-type': NDJSON }) as never
}
