/** What `npm run send` is asked to do, read from its arguments. */

import { parseArgs } from 'node:util'
import { z } from 'zod'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { PROVIDER_NAMES, type ProviderName } from '../../src/sources/providers.ts'
import { SAMPLERS } from '../samples.ts'
import { nearest } from './nearest.ts'

const OPTIONS = {
  /** Without it, a source of the gateway on this machine. */
  to: { type: 'string' },
  secret: { type: 'string' },
  credentials: { type: 'string' },
  settings: { type: 'string' },
  id: { type: 'string' },
  count: { type: 'string' },
  at: { type: 'string' },
  body: { type: 'string' },
  forge: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  /** Where `npm start` keeps its data. */
  state: { type: 'string' },
} as const

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    context.addIssue('must be JSON')
    return z.NEVER
  }
})

const valuesSchema = z.object({
  to: z.url({ protocol: /^https?$/, error: 'must be the URL of a source, http://… or https://…' }).optional(),
  secret: z.string().min(1).optional(),
  credentials: json.pipe(z.record(z.string(), z.string(), 'must be a JSON object of texts')).optional(),
  settings: json.pipe(z.record(z.string(), z.unknown(), 'must be a JSON object')).optional(),
  id: z.string().min(1).optional(),
  count: z.coerce.number('must be a number').int().min(1).max(10_000).default(1),
  at: z.iso
    .datetime({ offset: true, error: 'must be a time as RFC 3339 writes it, 2026-11-24T12:00:00Z' })
    .transform((text) => new Date(text))
    .optional(),
  body: z.string().optional(),
  forge: z.boolean().default(false),
  'dry-run': z.boolean().default(false),
  state: z.string().default('.postern'),
})

export interface SendCommand {
  kind: 'send'
  provider: ProviderName
  type: string
  /** Null for a source of the gateway on this machine, whose key is known. */
  to: string | null
  /** Instead of what a sampler makes up. Only with {@link to}. */
  own: { secret?: string; credentials?: Record<string, string>; settings?: Record<string, unknown> }
  id: string | null
  count: number
  at: Date | null
  /** `@file`, or the text itself. */
  body: string | null
  is_forged: boolean
  is_dry: boolean
  state_dir: string
}

export type Command = { kind: 'providers' } | { kind: 'events'; provider: ProviderName } | SendCommand

/**
 * Reads a command line. The error is a sentence for whoever typed it.
 * @param env `POSTERN_SEND_SECRET` is a secret that does not show in the list of processes
 */
export function readCommand(args: string[], env: Record<string, string | undefined>): Result<Command, string> {
  const parsed = parse(args, env)
  if (!parsed.ok) return parsed
  const { values, positionals } = parsed.value
  const [provider, type, ...more] = positionals
  if (provider === undefined) return ok({ kind: 'providers' })
  if (more.length > 0) return err(`${more.join(' ')}: one event of one provider is sent at a time`)
  const known = z.enum(PROVIDER_NAMES).safeParse(provider)
  if (!known.success) return err(unknown('provider', provider, PROVIDER_NAMES, 'npm run send'))
  const types = Object.keys(SAMPLERS[known.data].events)
  if (type === undefined) return ok({ kind: 'events', provider: known.data })
  if (!types.includes(type)) return err(unknown(`event of ${provider}`, type, types, `npm run send -- ${provider}`))
  const { to, secret, credentials, settings } = values
  const own = {
    ...(secret !== undefined && { secret }),
    ...(credentials !== undefined && { credentials }),
    ...(settings !== undefined && { settings }),
  }
  if (to === undefined && Object.keys(own).length > 0)
    return err('--secret, --credentials and --settings are those of your source: say with --to where it is')
  if (to !== undefined && secret === undefined && credentials === undefined && provider !== 'none')
    return err('--to needs --secret (or --credentials), which your source knows too')
  return ok({
    kind: 'send',
    provider: known.data,
    type,
    to: to ?? null,
    own,
    id: values.id ?? null,
    count: values.count,
    at: values.at ?? null,
    body: values.body ?? null,
    is_forged: values.forge,
    is_dry: values['dry-run'],
    state_dir: values.state,
  })
}

function parse(args: string[], env: Record<string, string | undefined>) {
  try {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
    const from_env = values.to === undefined ? {} : { secret: env.POSTERN_SEND_SECRET }
    const state = { state: env.POSTERN_STATE }
    const checked = valuesSchema.safeParse({ ...state, ...from_env, ...values })
    if (checked.success) return ok({ values: checked.data, positionals })
    const [issue] = checked.error.issues
    return err(`--${issue?.path.join('.')}: ${issue?.message}`)
  } catch (error) {
    return err((error as Error).message)
  }
}

function unknown(what: string, name: string, names: readonly string[], list: string): string {
  const [first, ...rest] = nearest(name, names)
  const hint = first === undefined ? '' : ` Is it ${[first, ...rest].join(' or ')}?`
  return `There is no ${what} called ${name}.${hint} ${list} shows them all`
}
