import type { Provider } from './provider.ts'
import { api_key } from './providers/api-key.ts'
import { aws_sns } from './providers/aws-sns.ts'
import { basic } from './providers/basic.ts'
import { bearer } from './providers/bearer.ts'
import { github } from './providers/github.ts'
import { hmac } from './providers/hmac.ts'
import { jwt } from './providers/jwt.ts'
import { none } from './providers/none.ts'
import { paypal } from './providers/paypal.ts'
import { stripe } from './providers/stripe.ts'

/** Every provider by its name, which is what a source says it is of. */
export const PROVIDERS = {
  api_key,
  aws_sns,
  basic,
  bearer,
  github,
  hmac,
  jwt,
  none,
  paypal,
  stripe,
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]
