/** Certificates of tests: keys take their time to make, so those of a file take turns. */
import type { Invented, Sampler } from '../../../scripts/samples/sampler.ts'
import type { Given } from '../../../src/sources/provider.ts'

/** Neighbours must differ, as when a test asks for its own and a foreign one. */
const KEYS = 3

export interface Downloadable {
  /** The same, but its sources have no certificate pinned. */
  sampler: Sampler
  means: Given<unknown, unknown>['means']
}

/**
 * Makes the certificates of a sampler available where its requests say that they are, as the provider does.
 * @param urlOf where a request of an invented source says so
 */
export function download(sampler: Sampler, urlOf: (invented: Invented) => Promise<string>): Downloadable {
  const made: Promise<Invented>[] = []
  const certificates = new Map<string, string>()
  let turn = 0

  async function make(): Promise<Invented> {
    const invented = await sampler.invent()
    const { certificate, ...settings } = invented.settings ?? {}
    certificates.set(await urlOf(invented), String(certificate))
    return { ...invented, settings }
  }

  return {
    sampler: {
      ...sampler,
      invent() {
        const place = turn++ % KEYS
        made[place] ??= make()
        return made[place]
      },
    },
    means: {
      async load(url) {
        const pem = certificates.get(url)
        return pem === undefined ? null : new TextEncoder().encode(pem)
      },
      visit: () => Promise.resolve(false),
    },
  }
}
