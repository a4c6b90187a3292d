/** What only a provider can check of a request about a source: its settings and its credentials. */
import { refuseIssues } from '../http/issues.ts'
import { type Problem, problem } from '../http/problems.ts'
import type { RandomBytes } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { takesCredentials } from './credentials.ts'
import type { Provider } from './provider.ts'
import { PROVIDERS, type ProviderName } from './providers.ts'

type Members = Record<string, unknown>

/** Settings as the provider's schema has them, with its defaults. */
export function checkSettings(provider: ProviderName, given: Members): Result<Members, Problem> {
  return check(provider, 'settings', given)
}

/** Credentials for a source, and whether they are new to whoever asks for them. */
export interface Chosen {
  credentials: Members
  is_invented: boolean
}

/**
 * The caller's credentials, once they were checked against the source's settings, or new ones.
 * @param given undefined for new ones
 * @returns null where the provider has none, and where they would have to be the caller's
 */
export function chooseCredentials(
  { provider, settings }: { provider: ProviderName; settings: Members },
  given: Members | undefined,
  random: RandomBytes,
): Result<Chosen | null, Problem> {
  const checked = given && check(provider, 'credentials', given)
  if (checked?.ok === false) return checked
  if (!takesCredentials(provider)) return ok(null)
  const misfit = checked && providerOf(provider).misfit?.(checked.value, settings)
  if (misfit) return err(refused(misfit.member, misfit.message))
  if (checked !== undefined) return ok({ credentials: checked.value, is_invented: false })
  const invented = providerOf(provider).invent?.(random)
  return ok(invented === undefined ? null : { credentials: invented as Members, is_invented: true })
}

/** A refusal of credentials that are not there. */
export function missingCredentials(provider: ProviderName): Problem {
  const message = `is required: ${PROVIDERS[provider].title} makes them, and shows them where its webhooks are set up`
  return refused(null, message)
}

/** @param member of the credentials; null for all of them */
function refused(member: string | null, message: string): Problem {
  const path = member === null ? 'credentials' : `credentials.${member}`
  return problem('invalid_request', `${path}: ${message}`, { errors: [{ path, message }] })
}

function providerOf(provider: ProviderName): Provider {
  return PROVIDERS[provider]
}

function check(provider: ProviderName, name: 'settings' | 'credentials', given: Members): Result<Members, Problem> {
  const parsed = PROVIDERS[provider][name].safeParse(given)
  return parsed.success ? ok(parsed.data) : err(refuseIssues(parsed.error.issues, [name]))
}
