/** What Postern has to know about a provider of webhooks. One file each in `providers/`. */
import type { z } from '@hono/zod-openapi'
import type { RandomBytes } from '../lib/ids.ts'
import type { Verdict } from './refusal.ts'

/** A request to a source, as it was received. */
export interface InboundRequest {
  method: string
  /** As the provider called it, query included: some sign it. */
  url: string
  headers: Headers
  /** To the byte: signatures are of these and of nothing that was parsed. */
  body: Uint8Array
}

/** What a source knows for verifying. */
export interface Given<Credentials, Settings> {
  /** All that are valid now, the current ones first: more than one while a rotation overlaps. Never empty. */
  credentials: readonly Credentials[]
  settings: Settings
  /** Unix milliseconds. */
  now: number
  /** How far the time of signing may lie from now, before or after. */
  tolerance_ms: number
  means: Means
}

/** What a few providers need from elsewhere. */
export interface Means {
  /**
   * Gets a certificate or a set of keys, from memory where it was got not long ago.
   * @param age_ms_max an hour unless said: less for who misses a key that may be new
   * @returns null when it cannot be had
   */
  load: (url: string, age_ms_max?: number) => Promise<Uint8Array | null>
  /** Calls a URL once, and says whether the answer was 2xx. */
  visit: (url: string) => Promise<boolean>
}

/** What a source answers where it is more than "received". */
export interface Answer {
  status: number
  headers?: Record<string, string>
  body: string
}

/** What an event calls itself. Null for what it does not say. */
export interface Identity {
  /** The same whenever the provider sends the event again, another for any other event of the source. */
  id: string | null
  /** The provider's own name, as it writes it: `invoice.paid`, `orders/create`. */
  type: string | null
  /** Of an event without an id: when it was sent, as the provider has signed it. */
  sent_at?: string | null
}

export interface Provider<Credentials = unknown, Settings = unknown> {
  /** As its owners write it. */
  title: string
  /** Where the provider says how it signs. */
  specification: string
  /** What is kept encrypted and never shown: usually `secret`. Empty for providers that have nothing of the kind. */
  credentials: z.ZodObject
  /** What else there is to say about a source of this provider. Not secret. */
  settings: z.ZodObject
  /** Makes credentials, for providers that let the receiver choose them. */
  invent?: (random: RandomBytes) => Credentials
  /** Whether the provider has sent this, and not long ago. Takes the same time whatever part of a secret is right. */
  verify: (request: InboundRequest, given: Given<Credentials, Settings>) => Verdict | Promise<Verdict>
  /** Reads a request that was verified. It may be anything all the same: empty, no JSON, no text. */
  identify: (request: InboundRequest, settings: Settings) => Identity
  /** Headers that receivers get as they came, in lower case; one that ends in `*` stands for all that begin so. */
  forwards: readonly string[]
  /** Answers what a provider asks *without* signing it before it sends events. Null for anything else. */
  greet?: (request: InboundRequest, given: Given<Credentials, Settings>) => Answer | null | Promise<Answer | null>
  /** Answers what was verified, and is no event but a question. Null for an event. */
  reply?: (request: InboundRequest, given: Given<Credentials, Settings>) => Answer | null | Promise<Answer | null>
  /** What the provider wants to hear for an event, where that is not just any 200. */
  answer?: Answer
}

/** Declares a provider: what its functions are given is what its schemas let through. */
export function defineProvider<C extends z.ZodObject, S extends z.ZodObject>(
  provider: Provider<z.output<C>, z.output<S>> & { credentials: C; settings: S },
): Provider {
  // A source's credentials and settings are parsed by its own provider's schemas before they get here.
  return provider as unknown as Provider
}
