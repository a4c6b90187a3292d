/**
 * Findings that somebody has looked at and lets be, each with the reason (docs/vulnerability-management.md).
 * One that is found no longer must go from here too.
 */

export interface AcceptedAdvisory {
  /** As GitHub names it: `GHSA-…`. */
  id: string
  package: string
  /** Why it does no harm here, or what is done instead. */
  reason: string
  /** ISO date; from then on it counts again. */
  until: string
}

export interface AcceptedSecret {
  /** Relative to the project. */
  file: string
  /** The rule's last word: `pattern`, `basicauth`. */
  rule: string
  reason: string
}

export const ACCEPTED_ADVISORIES: readonly AcceptedAdvisory[] = []

export const ACCEPTED_SECRETS: readonly AcceptedSecret[] = [
  { file: 'README.md', rule: 'pattern', reason: 'an example: the secret of an endpoint that never was' },
  { file: 'docs/api-reference.md', rule: 'pattern', reason: 'examples of keys and secrets, from a gateway long gone' },
  { file: 'docs/verifying-signatures.md', rule: 'pattern', reason: 'the secret of the worked example' },
  { file: 'src/endpoints/contract.ts', rule: 'pattern', reason: 'the example that the Standard Webhooks site shows' },
  { file: 'test/e2e/sentry.test.ts', rule: 'pattern', reason: 'a key of digits and letters in a row, to be redacted' },
  { file: 'test/e2e/sentry.test.ts', rule: 'basicauth', reason: 'a URL with a password, to be redacted' },
  {
    file: 'test/unit/log/redact.test.ts',
    rule: 'pattern',
    reason: 'a key of digits and letters in a row, to be redacted',
  },
  { file: 'test/unit/log/redact.test.ts', rule: 'basicauth', reason: 'URLs with a password, to be redacted' },
  {
    file: 'test/unit/sources/standard-webhooks.test.ts',
    rule: 'pattern',
    reason: 'the vector that every library of Svix is tested with',
  },
  { file: 'test/unit/public-url.test.ts', rule: 'basicauth', reason: 'URLs with a password, which must be refused' },
  { file: 'test/worker/endpoint-urls.test.ts', rule: 'basicauth', reason: 'the same' },
  {
    file: 'test/worker/planted-secrets.test.ts',
    rule: 'pattern',
    reason: 'the example that the Standard Webhooks site shows, which the search for secrets has to find',
  },
]
