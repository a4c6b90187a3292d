import { z } from '@hono/zod-openapi'
import { ok, type Result } from '../../lib/result.ts'
import { type Refusal, refuse } from '../refusal.ts'

/** The name of a header that a setting speaks of: a `token` of RFC 9110, section 5.6.2. Comes out in lower case. */
export const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be the name of a header')
  .transform((name) => name.toLowerCase())

/** What proves who somebody is wherever it is shown: nobody else may get to see it. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization'])

/** @param name in lower case */
export function isCredentialHeader(name: string): boolean {
  return CREDENTIAL_HEADERS.has(name)
}

/**
 * A header that has to be there exactly once. Its duplicates come joined by a comma and a space (Fetch, "get"), which no
 * value that proves anything has inside.
 * @param name in lower case
 */
export function soleHeader(headers: Headers, name: string): Result<string, Refusal> {
  const value = headers.get(name)
  if (value === null || value === '') return refuse('missing_signature')
  return value.includes(', ') ? refuse('duplicate_header') : ok(value)
}

/** {@link soleHeader} of several, by their names; the first refusal when one is not right. */
export function soleHeaders<const Name extends string>(
  headers: Headers,
  names: readonly Name[],
): Result<Record<Name, string>, Refusal> {
  const values: Partial<Record<Name, string>> = {}
  for (const name of names) {
    const header = soleHeader(headers, name)
    if (!header.ok) return header
    values[name] = header.value
  }
  return ok(values as Record<Name, string>)
}
