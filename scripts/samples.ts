import type { ProviderName } from '../src/sources/providers.ts'
import { discord } from './samples/discord.ts'
import { github } from './samples/github.ts'
import { hubspot } from './samples/hubspot.ts'
import { intercom } from './samples/intercom.ts'
import { paddle } from './samples/paddle.ts'
import type { Sampler } from './samples/sampler.ts'
import { slack } from './samples/slack.ts'
import { square } from './samples/square.ts'
import { stripe } from './samples/stripe.ts'
import { twilio } from './samples/twilio.ts'
import { zoom } from './samples/zoom.ts'

/** One for every provider that Postern knows. */
export const SAMPLERS: Record<ProviderName, Sampler> = {
  discord,
  github,
  hubspot,
  intercom,
  paddle,
  slack,
  square,
  stripe,
  twilio,
  zoom,
}
