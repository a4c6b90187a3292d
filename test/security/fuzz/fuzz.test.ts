/** The short form of `npm run fuzz`: some hundred requests of a new seed, and those of a fixed one. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { GatewayProcess } from '../../../scripts/gateway-process.ts'
import { type Failure, Fuzzer, show } from './episode.ts'
import { runEpisodes } from './run.ts'
import { startTarget } from './target.ts'

const EPISODES = 10

/**
 * What no request from outside can bring about: there are no internal dead letters to send again, and only a key itself
 * enrols, which none of those that ask is in reach of.
 */
const OUT_OF_REACH = [
  'POST /v1/dead-letters/{id}/redrive',
  'DELETE /v1/dead-letters/{id}',
  ...['/v1/keys/{key}/totp', '/v1/tenants/{tenant}/keys/{key}/totp'].flatMap((path) => [
    `POST ${path}`,
    `POST ${path}/confirm`,
    `DELETE ${path}`,
  ]),
]

let gateway: GatewayProcess
let fuzzer: Fuzzer

beforeAll(async () => {
  gateway = await startTarget(inject('fuzzed_worker_dir'))
  fuzzer = await Fuzzer.create({ url: gateway.url, operator_key: gateway.operator.key })
}, 60_000)

afterAll(async () => {
  fuzzer.close()
  await gateway.close()
})

function explain({ objection, request, answer, seed, episode, number }: Failure): string {
  const asked = request === undefined ? '' : `\n${show(request)}`
  const answered = answer === undefined ? '' : `\n  -> ${answer.status} ${answer.text.slice(0, 500)}`
  const one = number === null ? '' : ` --case ${number}`
  return `${objection}${asked}${answered}\nreplay: npm run fuzz -- --seed ${seed} --episode ${episode}${one}`
}

describe('whatever is asked, by whomever', () => {
  it.each([
    ['a fixed seed', 20_261_124],
    ['a seed of its own', Date.now() % 1_000_000],
  ])('no rule of the judge is broken: %s', { timeout: 300_000 }, async (_which, seed) => {
    const failures = await runEpisodes(fuzzer, { seed, episodes: EPISODES, at_once: 5 })
    expect(failures.map(explain)).toEqual([])
  })

  it('every operation was asked, and nearly every one has accepted something', () => {
    const accepts = (statuses: ReadonlyMap<number, number>) => [...statuses.keys()].some((status) => status < 300)
    const unasked = [...fuzzer.coverage].filter(([, statuses]) => statuses.size === 0)
    expect(unasked).toEqual([])
    const refused = [...fuzzer.coverage].filter(([, statuses]) => !accepts(statuses)).map(([name]) => name)
    // Chance may leave out a few: that all of them are reached is for the long form to show.
    expect(refused.filter((name) => !OUT_OF_REACH.includes(name)).length, refused.join(', ')).toBeLessThan(8)
  })
})
