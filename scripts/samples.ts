import type { ProviderName } from '../src/sources/providers.ts'
import { adyen } from './samples/adyen.ts'
import { api_key } from './samples/api-key.ts'
import { aws_sns } from './samples/aws-sns.ts'
import { basic } from './samples/basic.ts'
import { bearer } from './samples/bearer.ts'
import { bitbucket } from './samples/bitbucket.ts'
import { calendly } from './samples/calendly.ts'
import { discord } from './samples/discord.ts'
import { docusign } from './samples/docusign.ts'
import { dropbox } from './samples/dropbox.ts'
import { github } from './samples/github.ts'
import { gitlab } from './samples/gitlab.ts'
import { hmac } from './samples/hmac.ts'
import { hubspot } from './samples/hubspot.ts'
import { intercom } from './samples/intercom.ts'
import { jwt } from './samples/jwt.ts'
import { linear } from './samples/linear.ts'
import { mailgun } from './samples/mailgun.ts'
import { meta } from './samples/meta.ts'
import { microsoft_graph } from './samples/microsoft-graph.ts'
import { none } from './samples/none.ts'
import { paddle } from './samples/paddle.ts'
import { paypal } from './samples/paypal.ts'
import type { Sampler } from './samples/sampler.ts'
import { sendgrid } from './samples/sendgrid.ts'
import { sentry } from './samples/sentry.ts'
import { shopify } from './samples/shopify.ts'
import { slack } from './samples/slack.ts'
import { square } from './samples/square.ts'
import { standard_webhooks } from './samples/standard-webhooks.ts'
import { stripe } from './samples/stripe.ts'
import { telegram } from './samples/telegram.ts'
import { twilio } from './samples/twilio.ts'
import { twitch } from './samples/twitch.ts'
import { typeform } from './samples/typeform.ts'
import { vercel } from './samples/vercel.ts'
import { zoom } from './samples/zoom.ts'

/** One for every provider that Postern knows. */
export const SAMPLERS: Record<ProviderName, Sampler> = {
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
}
