import type { Provider } from './provider.ts'
import { github } from './providers/github.ts'
import { stripe } from './providers/stripe.ts'

/** Every provider by its name, which is what a source says it is of. */
export const PROVIDERS = {
  github,
  stripe,
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]
