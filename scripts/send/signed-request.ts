import { randomUUID } from 'node:crypto'
import type { Invented, Occasion, Sampler } from '../samples/sampler.ts'

/** All that a provider sends, ready to be sent. */
export interface SignedRequest {
  url: string
  /** In lower case. */
  headers: Record<string, string>
  body: Uint8Array
}

export interface Wanted {
  type: string
  url: string
  /** The provider's event id is made of it; a new one unless given. */
  id?: string | null
  /** When it is signed; now unless given. */
  at?: Date | null
  /** Instead of the example of the provider's documentation. */
  body?: Uint8Array | null
}

/** A request as the provider sends it, signed with this key. */
export async function signRequest(sampler: Sampler, key: Invented, wanted: Wanted): Promise<SignedRequest> {
  const { type, url } = wanted
  const occasion: Occasion = { type, url, id: wanted.id ?? randomUUID(), now: wanted.at ?? new Date() }
  const body = wanted.body ?? exampleBody(sampler, occasion)
  const signed = await sampler.sign(body, occasion, key)
  return { url, headers: signed.headers, body: signed.body ?? body }
}

function exampleBody(sampler: Sampler, occasion: Occasion): Uint8Array {
  const make = sampler.events[occasion.type]
  if (make === undefined) throw new Error(`there is no example of ${occasion.type}`)
  return new TextEncoder().encode(make(occasion))
}

/** What a sampler makes up, but for what the user's own source says instead. */
export function withOwn(
  invented: Invented,
  own: { secret?: string; credentials?: Record<string, string>; settings?: Record<string, unknown> },
): Invented {
  const secret = own.secret ?? signingKeyOf(invented, own.credentials ?? {})
  const credentials = Object.entries(invented.credentials).map(([name, value]) => [
    name,
    value === invented.signing_key ? secret : value,
  ])
  return {
    signing_key: secret,
    credentials: { ...Object.fromEntries(credentials), ...own.credentials },
    settings: { ...invented.settings, ...own.settings },
  }
}

/** The key is one of the credentials, or made of several: `{username}:{password}`. */
function signingKeyOf({ signing_key, credentials }: Invented, own: Record<string, string>): string {
  const made_up = Object.entries(credentials).sort(([, one], [, other]) => other.length - one.length)
  return made_up.reduce((key, [name, value]) => key.replace(value, () => own[name] ?? value), signing_key)
}
