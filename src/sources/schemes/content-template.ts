/** What a provider signs, described by its owner: `{timestamp}.{body}`. */
import { err, ok, type Result } from '../../lib/result.ts'

const PLACEHOLDERS = ['{timestamp}', '{id}', '{url}', '{body}'] as const
type Placeholder = (typeof PLACEHOLDERS)[number]

const PARTS = new RegExp(`(${PLACEHOLDERS.join('|')})`)

/** Placeholders, and what stands between them as it is. The error is what is wrong with it. */
export function parseContent(content: string): Result<string[], string> {
  const parts = split(content)
  if (parts.filter((part) => part === '{body}').length !== 1) return err('must have {body} in it once')
  const literals = parts.filter((part) => !isPlaceholder(part))
  if (literals.some((literal) => /[{}]/.test(literal))) return err(`may only have ${PLACEHOLDERS.join(', ')} in braces`)
  return ok(parts)
}

export interface Signed {
  timestamp: string
  id: string
  url: string
  body: Uint8Array
}

/** The pieces of what is signed, so that the body is not copied. */
export function fillContent(content: string, { timestamp, id, url, body }: Signed): (string | Uint8Array)[] {
  const values = { '{timestamp}': timestamp, '{id}': id, '{url}': url, '{body}': body }
  return split(content).map((part) => (isPlaceholder(part) ? values[part] : part))
}

/** Whether an id has in it what ends it: then what was signed could be cut elsewhere, and the rest of a body be a body. */
export function hasItsEnd(id: string, content: string): boolean {
  const parts = split(content)
  const end = parts.includes('{id}') ? parts[parts.indexOf('{id}') + 1] : undefined
  return end !== undefined && !isPlaceholder(end) && id.includes(end)
}

function split(content: string): string[] {
  return content.split(PARTS).filter((part) => part !== '')
}

function isPlaceholder(part: string): part is Placeholder {
  return PLACEHOLDERS.some((placeholder) => placeholder === part)
}
