/** What only a provider can check of a request about a source: its settings and its credentials. */
import { refuseIssues } from '../http/issues.ts'
import { type Problem, problem } from '../http/problems.ts'
import type { RandomBytes } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { needsCredentials } from './credentials.ts'
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
 * The caller's credentials, once they were checked, or new ones.
 * @param given undefined for new ones
 * @returns null where the provider has none, and where they would have to be the caller's
 */
export function chooseCredentials(
  provider: ProviderName,
  given: Members | undefined,
  random: RandomBytes,
): Result<Chosen | null, Problem> {
  const checked = given && check(provider, 'credentials', given)
  if (checked?.ok === false) return checked
  if (!needsCredentials(provider)) return ok(null)
  if (checked !== undefined) return ok({ credentials: checked.value, is_invented: false })
  const invented = PROVIDERS[provider].invent?.(random)
  return ok(invented === undefined ? null : { credentials: invented as Members, is_invented: true })
}

/** A refusal of credentials that are not there. */
export function missingCredentials(provider: ProviderName): Problem {
  const message = `is required: ${PROVIDERS[provider].title} makes them, and shows them where its webhooks are set up`
  return problem('invalid_request', `credentials: ${message}`, { errors: [{ path: 'credentials', message }] })
}

function check(provider: ProviderName, name: 'settings' | 'credentials', given: Members): Result<Members, Problem> {
  const parsed = PROVIDERS[provider][name].safeParse(given)
  return parsed.success ? ok(parsed.data) : err(refuseIssues(parsed.error.issues, [name]))
}
