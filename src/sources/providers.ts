import type { Provider } from './provider.ts'
import { adyen } from './providers/adyen.ts'
import { api_key } from './providers/api-key.ts'
import { aws_sns } from './providers/aws-sns.ts'
import { basic } from './providers/basic.ts'
import { bearer } from './providers/bearer.ts'
import { docusign } from './providers/docusign.ts'
import { dropbox } from './providers/dropbox.ts'
import { github } from './providers/github.ts'
import { hmac } from './providers/hmac.ts'
import { jwt } from './providers/jwt.ts'
import { mailgun } from './providers/mailgun.ts'
import { meta } from './providers/meta.ts'
import { microsoft_graph } from './providers/microsoft-graph.ts'
import { none } from './providers/none.ts'
import { paypal } from './providers/paypal.ts'
import { sendgrid } from './providers/sendgrid.ts'
import { stripe } from './providers/stripe.ts'
import { telegram } from './providers/telegram.ts'
import { twitch } from './providers/twitch.ts'

/** Every provider by its name, which is what a source says it is of. */
export const PROVIDERS = {
  adyen,
  docusign,
  dropbox,
  github,
  mailgun,
  meta,
  microsoft_graph,
  sendgrid,
  api_key,
  aws_sns,
  basic,
  bearer,
  hmac,
  jwt,
  none,
  paypal,
  stripe,
  telegram,
  twitch,
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]
