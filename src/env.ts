import { z } from 'zod'
import type { EndpointRpc } from '../durable-objects/endpoint/rpc.ts'
import type { QuotaRpc } from '../durable-objects/quota/rpc.ts'
import { parseKeyring } from './lib/keyring.ts'
import { LEVELS } from './lib/log.ts'
import type { DeadLetterMessage, FanoutMessage, ReleaseMessage, RetryMessage } from './queues/messages.ts'
import { STEP_UP_POLICIES } from './step-up/table.ts'

/** What wrangler.toml binds, and the settings and secrets beside it. */
export interface Bindings {
  DB: D1Database
  PAYLOADS: R2Bucket
  ENDPOINT: DurableObjectNamespace<EndpointRpc & Rpc.DurableObjectBranded>
  QUOTA: DurableObjectNamespace<QuotaRpc & Rpc.DurableObjectBranded>
  FANOUT: Queue<FanoutMessage>
  RETRIES: Queue<RetryMessage>
  RELEASES: Queue<ReleaseMessage>
  DEAD_LETTERS: Queue<DeadLetterMessage>
  ATTEMPTS: AnalyticsEngineDataset
  REQUESTS: AnalyticsEngineDataset
  REQUEST_LIMIT: RateLimit
  ADDRESS_LIMIT: RateLimit
  FAILED_AUTHENTICATION_LIMIT: RateLimit
  VERSION: WorkerVersionMetadata
  ENVIRONMENT: string
  ALLOW_PRIVATE_ENDPOINTS?: string
  ENDPOINT_PORTS?: string
  /** What REQUEST_LIMIT comes to, for the RateLimit-Policy of every answer. */
  REQUESTS_PER_KEY?: string
  /** Secret: `id:base64,id:base64`, 32 bytes each; the first encrypts, all decrypt. */
  MASTER_KEYS: string
  /** Secret, optional: an operator key that needs no row in D1. */
  POSTERN_OPERATOR_KEY?: string
  OPERATOR_STEP_UP?: string
  /** Where this deployment is reached, for the canary to call itself; without it there is none. */
  CANARY_URL?: string
  /** `debug`, `info`, `warn` or `error`; src/lib/log.ts reads it from where the platform puts it. */
  LOG_LEVEL?: string
  /** Secret, optional: where unexpected errors are sent. Without it nothing is. */
  SENTRY_DSN?: string
}

declare global {
  namespace Cloudflare {
    interface Env extends Bindings {}
    interface GlobalProps {
      mainModule: typeof import('./index.ts')
      durableNamespaces: 'Endpoint' | 'Quota'
    }
  }
}

const settingsSchema = z
  .object({
    ENVIRONMENT: z.enum(['dev', 'staging', 'production']),
    ALLOW_PRIVATE_ENDPOINTS: z.stringbool().default(false),
    ENDPOINT_PORTS: z
      .string()
      .default('443,8443')
      .transform((text) => text.split(',').map((port) => Number(port.trim())))
      .pipe(z.array(z.int().min(1).max(65_535))),
    REQUESTS_PER_KEY: z.coerce.number().int().min(1).optional(),
    POSTERN_OPERATOR_KEY: z.string().optional(),
    OPERATOR_STEP_UP: z.enum(STEP_UP_POLICIES).default('enrolled'),
    CANARY_URL: z.union([z.literal(''), z.url({ protocol: /^https?$/ })]).default(''),
    // Read once more where it is used: a log has to work before any of this was parsed. Here a wrong one is refused.
    LOG_LEVEL: z.enum(LEVELS).default('info'),
    MASTER_KEYS: z.string().transform((text, context) => {
      const keyring = parseKeyring(text)
      if (keyring.ok) return keyring.value
      context.addIssue({ code: 'custom', message: keyring.error })
      return z.NEVER
    }),
  })
  .transform((env) => ({
    environment: env.ENVIRONMENT,
    allow_private_endpoints: env.ALLOW_PRIVATE_ENDPOINTS,
    endpoint_ports: env.ENDPOINT_PORTS,
    /** In the period of the limit; undefined when nobody is to be told. */
    requests_per_key: env.REQUESTS_PER_KEY,
    operator_key: env.POSTERN_OPERATOR_KEY,
    /** Of which operator keys one-time codes are asked. */
    operator_step_up: env.OPERATOR_STEP_UP,
    /** The echo route as the public reaches it; null when no canary flies. */
    canary_url: env.CANARY_URL === '' ? null : new URL('/canary/echo', env.CANARY_URL).href,
    /** Encrypts secrets at rest. */
    keyring: env.MASTER_KEYS,
  }))
  .refine((settings) => !(settings.environment === 'production' && settings.allow_private_endpoints), {
    message: 'ALLOW_PRIVATE_ENDPOINTS=true is for local use and is refused in the production environment',
  })

export type Settings = z.output<typeof settingsSchema>

const parsed = new WeakMap<object, Settings>()

/**
 * The deployment's settings, parsed once per isolate.
 * @throws ZodError naming the setting that is missing or malformed: a deployment that cannot work must not start
 */
export function readSettings(env: Bindings): Settings {
  let settings = parsed.get(env)
  if (settings === undefined) {
    settings = settingsSchema.parse(env)
    parsed.set(env, settings)
  }
  return settings
}
