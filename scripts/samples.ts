import type { ProviderName } from '../src/sources/providers.ts'
import { api_key } from './samples/api-key.ts'
import { aws_sns } from './samples/aws-sns.ts'
import { basic } from './samples/basic.ts'
import { bearer } from './samples/bearer.ts'
import { github } from './samples/github.ts'
import { hmac } from './samples/hmac.ts'
import { jwt } from './samples/jwt.ts'
import { none } from './samples/none.ts'
import { paypal } from './samples/paypal.ts'
import type { Sampler } from './samples/sampler.ts'
import { stripe } from './samples/stripe.ts'

/** One for every provider that Postern knows. */
export const SAMPLERS: Record<ProviderName, Sampler> = {
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
}
