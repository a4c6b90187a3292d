import type { ProviderName } from '../src/sources/providers.ts'
import { github } from './samples/github.ts'
import type { Sampler } from './samples/sampler.ts'
import { stripe } from './samples/stripe.ts'

/** One for every provider that Postern knows. */
export const SAMPLERS: Record<ProviderName, Sampler> = {
  github,
  stripe,
}
