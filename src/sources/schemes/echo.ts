/** Answers to providers that want something back before they send events, to see that the URL is their customer's. */
import type { Answer } from '../provider.ts'

/** Longer than any provider's, and too short to be of use to anybody else. */
const LENGTH_MAX = 1024

const CONTROL = /\p{Cc}/u

/** A parameter of the query that is there exactly once, decoded. Null otherwise. */
export function soleParameter(url: string, name: string): string | null {
  const [value, ...more] = new URLSearchParams(url.split('#', 1)[0]?.split('?').slice(1).join('?')).getAll(name)
  return value === undefined || value === '' || more.length > 0 ? null : value
}

/** Says something back. As plain text whatever it is: anybody may have asked, and a browser must not run it. */
export function echo(text: string): Answer | null {
  if (text === '' || text.length > LENGTH_MAX || CONTROL.test(text)) return null
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: text,
  }
}
