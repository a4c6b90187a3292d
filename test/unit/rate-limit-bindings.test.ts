import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const LIMITS = ['REQUEST_LIMIT', 'ADDRESS_LIMIT', 'FAILED_AUTHENTICATION_LIMIT']
const ENVIRONMENTS = ['', 'env.staging.', 'env.production.']
/** As src/http/rate-limit.ts has it. */
const REQUESTS_PER_QUESTION = 8

const toml = readFileSync('wrangler.toml', 'utf8')

/** What a binding of an environment says. */
function bindingOf(environment: string, name: string) {
  const table = new RegExp(
    `\\[\\[${environment.replaceAll('.', '\\.')}ratelimits\\]\\]\nname = "${name}"\nnamespace_id = "(\\d+)"\nsimple = \\{ limit = (\\d+), period = (\\d+) \\}`,
  ).exec(toml)
  return table && { namespace_id: table[1], limit: Number(table[2]), period_s: Number(table[3]) }
}

describe('the limiters of wrangler.toml', () => {
  it.each(ENVIRONMENTS)('are all there, with the periods that callers are told: [%s]', (environment) => {
    expect(LIMITS.map((name) => bindingOf(environment, name)?.period_s)).toEqual([10, 10, 60])
  })

  it('share their counts with nobody', () => {
    const ids = ENVIRONMENTS.flatMap((environment) => LIMITS.map((name) => bindingOf(environment, name)?.namespace_id))
    expect(new Set(ids).size).toBe(9)
  })

  it.each(ENVIRONMENTS)('are what RateLimit-Policy says of a key: [%s]', (environment) => {
    const per_key = [...toml.matchAll(/^REQUESTS_PER_KEY = "(\d+)"$/gm)][ENVIRONMENTS.indexOf(environment)]?.[1]
    expect(Number(per_key)).toBe((bindingOf(environment, 'REQUEST_LIMIT')?.limit ?? 0) * REQUESTS_PER_QUESTION)
  })
})
