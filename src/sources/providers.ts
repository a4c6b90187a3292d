import type { Provider } from './provider.ts'
import { discord } from './providers/discord.ts'
import { github } from './providers/github.ts'
import { hubspot } from './providers/hubspot.ts'
import { intercom } from './providers/intercom.ts'
import { paddle } from './providers/paddle.ts'
import { slack } from './providers/slack.ts'
import { square } from './providers/square.ts'
import { stripe } from './providers/stripe.ts'
import { twilio } from './providers/twilio.ts'
import { zoom } from './providers/zoom.ts'

/** Every provider by its name, which is what a source says it is of. */
export const PROVIDERS = {
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
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]
