import type { ProviderName } from '../src/sources/providers.ts'
import { bitbucket } from './samples/bitbucket.ts'
import { calendly } from './samples/calendly.ts'
import { github } from './samples/github.ts'
import { gitlab } from './samples/gitlab.ts'
import { linear } from './samples/linear.ts'
import type { Sampler } from './samples/sampler.ts'
import { sentry } from './samples/sentry.ts'
import { shopify } from './samples/shopify.ts'
import { standardWebhooks } from './samples/standard-webhooks.ts'
import { stripe } from './samples/stripe.ts'
import { typeform } from './samples/typeform.ts'
import { vercel } from './samples/vercel.ts'

/** One for every provider that Postern knows. */
export const SAMPLERS: Record<ProviderName, Sampler> = {
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
}
