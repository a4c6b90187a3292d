import type { Provider } from './provider.ts'
import { adyen } from './providers/adyen.ts'
import { docusign } from './providers/docusign.ts'
import { dropbox } from './providers/dropbox.ts'
import { github } from './providers/github.ts'
import { mailgun } from './providers/mailgun.ts'
import { meta } from './providers/meta.ts'
import { microsoft_graph } from './providers/microsoft-graph.ts'
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
  stripe,
  telegram,
  twitch,
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]
