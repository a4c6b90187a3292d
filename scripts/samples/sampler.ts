/** Requests as providers send them, for trying a source out. Knows nothing of how Postern verifies. */

/** One sending of one event. */
export interface Occasion {
  /** The provider's own name of the event. */
  type: string
  /** Different for every event; a sampler makes of it what its provider's ids look like. */
  id: string
  now: Date
  /** What is called. */
  url: string
}

export interface Signed {
  /** In lower case, content-type included. */
  headers: Record<string, string>
  /** Where the signature is a part of it. */
  body?: Uint8Array
}

/** What a source has to be given, and what signs for it. */
export interface Invented {
  /** The shared secret, or a private key in PEM. */
  signing_key: string
  credentials: Record<string, string>
  settings?: Record<string, unknown>
}

export interface Sampler {
  /** Example bodies by the provider's own names of events, each as the provider's documentation shows it. The first is the default. */
  events: Readonly<Record<string, (occasion: Occasion) => string>>
  /** Makes up a key, as the provider would. */
  invent: () => Invented | Promise<Invented>
  sign: (body: Uint8Array, occasion: Occasion, invented: Invented) => Signed | Promise<Signed>
}
