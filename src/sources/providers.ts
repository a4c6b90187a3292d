import type { Provider } from './provider.ts'
import { bitbucket } from './providers/bitbucket.ts'
import { calendly } from './providers/calendly.ts'
import { github } from './providers/github.ts'
import { gitlab } from './providers/gitlab.ts'
import { linear } from './providers/linear.ts'
import { sentry } from './providers/sentry.ts'
import { shopify } from './providers/shopify.ts'
import { standardWebhooks } from './providers/standard-webhooks.ts'
import { stripe } from './providers/stripe.ts'
import { typeform } from './providers/typeform.ts'
import { vercel } from './providers/vercel.ts'

/** Every provider by its name, which is what a source says it is of. */
export const PROVIDERS = {
  bitbucket,
  calendly,
  github,
  gitlab,
  linear,
  sentry,
  shopify,
  standard_webhooks: standardWebhooks,
  stripe,
  typeform,
  vercel,
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]
