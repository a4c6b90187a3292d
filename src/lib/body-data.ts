import { parseLeniently } from './json.ts'
import { err, ok, type Result } from './result.ts'

/** What is parsed takes several times its size, and an isolate has 128 MB for everybody. */
const READ_BYTES_MAX = 2 * 1024 * 1024

const FORM = /^application\/x-www-form-urlencoded\b/i

/**
 * A body as expressions see it: the value of JSON, the fields of a form (a list where one is there more than once), or
 * else text. An error is the end of a sentence about the body.
 * @param content_type as it was sent
 */
export function readData(content_type: string, bytes: Uint8Array): Result<unknown, string> {
  if (bytes.byteLength > READ_BYTES_MAX)
    return err(`has ${bytes.byteLength} bytes; expressions read no more than ${READ_BYTES_MAX}`)
  const text = new TextDecoder().decode(bytes)
  return ok(FORM.test(content_type) ? fieldsOf(text) : parseLeniently(text))
}

function fieldsOf(form: string): Record<string, string | string[]> {
  const fields = Map.groupBy(new URLSearchParams(form), ([name]) => name)
  return Object.fromEntries(
    [...fields].map(([name, pairs]) => {
      const values = pairs.map(([_name, value]) => value)
      return [name, values.length === 1 ? (values[0] ?? '') : values]
    }),
  )
}
