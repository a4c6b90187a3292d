/** For signatures of some members of a body: all who read it have to see the same members. */
import { checkStrictJson } from '../../lib/strict-json.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** More than any provider puts beside what it signs, and as many as are compared. */
const NAMES_MAX = 100

interface Limits {
  bytes_max: number
  /** Leads to what is signed, through the objects that it is in. Elsewhere names may be customers' own. */
  path: readonly (string | number)[]
}

/**
 * Reads JSON that no two readers understand differently. Of a name that an object has twice, some take the first and others
 * the last; and to Go and .NET, names are the same when only their case differs. Then the members that were signed could be
 * sent beside others that were not.
 * @returns undefined for what is anything else
 */
export function parseUnambiguous(body: Uint8Array, { bytes_max, path }: Limits): unknown {
  if (body.length > bytes_max) return undefined
  try {
    const text = utf8.decode(body)
    if (!checkStrictJson(text).ok) return undefined
    const json: unknown = JSON.parse(text)
    return hasTwinsOn(path, json) ? undefined : json
  } catch {
    return undefined
  }
}

function hasTwinsOn(path: Limits['path'], json: unknown): boolean {
  const [step, ...rest] = path
  if (typeof json !== 'object' || json === null) return false
  if (!Array.isArray(json) && hasTwins(Object.keys(json))) return true
  return step !== undefined && hasTwinsOn(rest, Reflect.get(json, step))
}

function hasTwins(names: readonly string[]): boolean {
  if (names.length > NAMES_MAX) return true
  // Both ways: `ſ` is an S only in upper case, and the sign of Kelvin a K only in lower case.
  return new Set(names.map((name) => name.toLowerCase().toUpperCase())).size < names.length
}
