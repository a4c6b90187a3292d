/** As many digits as a JavaScript number may lose: 2^53 has 16. */
const LONG_NUMBER = /[0-9][0-9.]{15}|[0-9][eE]/

interface RawJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
}

/**
 * Parses JSON so that writing it out again keeps every number to the last digit (ECMAScript "JSON.parse
 * source text access"). Costs a little more, so text without a long number takes the plain way.
 */
export function parseLossless(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text)
  const { parse, rawJSON } = JSON as unknown as RawJson
  return parse(text, (_key, value, { source }) => {
    const is_lossy = typeof value === 'number' && source !== undefined && JSON.stringify(value) !== source
    return is_lossy ? rawJSON(source) : value
  })
}

/** The value of JSON text, or the text itself where it is none. */
export function parseLeniently(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
