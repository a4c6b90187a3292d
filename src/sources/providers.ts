import type { Provider } from './provider.ts'
import { adyen } from './providers/adyen.ts'
import { api_key } from './providers/api-key.ts'
import { aws_sns } from './providers/aws-sns.ts'
import { basic } from './providers/basic.ts'
import { bearer } from './providers/bearer.ts'
import { discord } from './providers/discord.ts'
import { docusign } from './providers/docusign.ts'
import { dropbox } from './providers/dropbox.ts'
import { github } from './providers/github.ts'
import { hmac } from './providers/hmac.ts'
import { hubspot } from './providers/hubspot.ts'
import { intercom } from './providers/intercom.ts'
import { jwt } from './providers/jwt.ts'
import { mailgun } from './providers/mailgun.ts'
import { meta } from './providers/meta.ts'
import { microsoft_graph } from './providers/microsoft-graph.ts'
import { none } from './providers/none.ts'
import { paddle } from './providers/paddle.ts'
import { paypal } from './providers/paypal.ts'
import { sendgrid } from './providers/sendgrid.ts'
import { slack } from './providers/slack.ts'
import { square } from './providers/square.ts'
import { stripe } from './providers/stripe.ts'
import { telegram } from './providers/telegram.ts'
import { twilio } from './providers/twilio.ts'
import { twitch } from './providers/twitch.ts'
import { zoom } from './providers/zoom.ts'

/** Every provider by its name, which is what a source says it is of. */
export const PROVIDERS = {
  adyen,
  api_key,
  aws_sns,
  basic,
  bearer,
  discord,
  docusign,
  dropbox,
  github,
  hmac,
  hubspot,
  intercom,
  jwt,
  mailgun,
  meta,
  microsoft_graph,
  none,
  paddle,
  paypal,
  sendgrid,
  slack,
  square,
  stripe,
  telegram,
  twilio,
  twitch,
  zoom,
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]
