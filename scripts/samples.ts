import type { ProviderName } from '../src/sources/providers.ts'
import { adyen } from './samples/adyen.ts'
import { api_key } from './samples/api-key.ts'
import { aws_sns } from './samples/aws-sns.ts'
import { basic } from './samples/basic.ts'
import { bearer } from './samples/bearer.ts'
import { discord } from './samples/discord.ts'
import { docusign } from './samples/docusign.ts'
import { dropbox } from './samples/dropbox.ts'
import { github } from './samples/github.ts'
import { hmac } from './samples/hmac.ts'
import { hubspot } from './samples/hubspot.ts'
import { intercom } from './samples/intercom.ts'
import { jwt } from './samples/jwt.ts'
import { mailgun } from './samples/mailgun.ts'
import { meta } from './samples/meta.ts'
import { microsoft_graph } from './samples/microsoft-graph.ts'
import { none } from './samples/none.ts'
import { paddle } from './samples/paddle.ts'
import { paypal } from './samples/paypal.ts'
import type { Sampler } from './samples/sampler.ts'
import { sendgrid } from './samples/sendgrid.ts'
import { slack } from './samples/slack.ts'
import { square } from './samples/square.ts'
import { stripe } from './samples/stripe.ts'
import { telegram } from './samples/telegram.ts'
import { twilio } from './samples/twilio.ts'
import { twitch } from './samples/twitch.ts'
import { zoom } from './samples/zoom.ts'

/** One for every provider that Postern knows. */
export const SAMPLERS: Record<ProviderName, Sampler> = {
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
}
