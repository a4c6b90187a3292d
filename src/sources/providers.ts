import type { Provider } from './provider.ts'
import { adyen } from './providers/adyen.ts'
import { api_key } from './providers/api-key.ts'
import { aws_sns } from './providers/aws-sns.ts'
import { basic } from './providers/basic.ts'
import { bearer } from './providers/bearer.ts'
import { bitbucket } from './providers/bitbucket.ts'
import { calendly } from './providers/calendly.ts'
import { discord } from './providers/discord.ts'
import { docusign } from './providers/docusign.ts'
import { dropbox } from './providers/dropbox.ts'
import { github } from './providers/github.ts'
import { gitlab } from './providers/gitlab.ts'
import { hmac } from './providers/hmac.ts'
import { hubspot } from './providers/hubspot.ts'
import { intercom } from './providers/intercom.ts'
import { jwt } from './providers/jwt.ts'
import { linear } from './providers/linear.ts'
import { mailgun } from './providers/mailgun.ts'
import { meta } from './providers/meta.ts'
import { microsoft_graph } from './providers/microsoft-graph.ts'
import { none } from './providers/none.ts'
import { paddle } from './providers/paddle.ts'
import { paypal } from './providers/paypal.ts'
import { sendgrid } from './providers/sendgrid.ts'
import { sentry } from './providers/sentry.ts'
import { shopify } from './providers/shopify.ts'
import { slack } from './providers/slack.ts'
import { square } from './providers/square.ts'
import { standard_webhooks } from './providers/standard-webhooks.ts'
import { stripe } from './providers/stripe.ts'
import { telegram } from './providers/telegram.ts'
import { twilio } from './providers/twilio.ts'
import { twitch } from './providers/twitch.ts'
import { typeform } from './providers/typeform.ts'
import { vercel } from './providers/vercel.ts'
import { zoom } from './providers/zoom.ts'

/** Every provider by its name, which is what a source says it is of. */
export const PROVIDERS = {
  adyen,
  api_key,
  aws_sns,
  basic,
  bearer,
  bitbucket,
  calendly,
  discord,
  docusign,
  dropbox,
  github,
  gitlab,
  hmac,
  hubspot,
  intercom,
  jwt,
  linear,
  mailgun,
  meta,
  microsoft_graph,
  none,
  paddle,
  paypal,
  sendgrid,
  sentry,
  shopify,
  slack,
  square,
  standard_webhooks,
  stripe,
  telegram,
  twilio,
  twitch,
  typeform,
  vercel,
  zoom,
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]
