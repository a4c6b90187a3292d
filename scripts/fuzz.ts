/**
 * Fuzzes a built Postern over HTTP, each request drawn from the OpenAPI document (docs/fuzzing.md).
 *
 *   npm run fuzz -- --cases 100000 [--seed 1] [--at-once 8]     many, with coverage
 *   npm run fuzz -- --seed 1 --episode 42 [--case 7]            one episode again, with a trace to read
 */
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EPISODE_CASES, type Failure, Fuzzer, show } from '../test/security/fuzz/episode.ts'
import { runEpisodes } from '../test/security/fuzz/run.ts'
import { startTarget } from '../test/security/fuzz/target.ts'
import { buildWorker } from './build.ts'
import type { GatewayProcess } from './gateway-process.ts'
import { readOptions } from './terminal.ts'

const KINDS_SHOWN_MAX = 20
const PROGRESS_MS = 10_000

/** What the gateway logged in a run in which a rule was broken. */
const KEPT_LOG = join(tmpdir(), 'postern-fuzz.log')

const options = readOptions({
  cases: { type: 'string', default: '10000' },
  seed: { type: 'string' },
  episode: { type: 'string' },
  case: { type: 'string' },
  'at-once': { type: 'string', default: '8' },
})
const seed = Number(options.seed ?? Date.now() % 1_000_000)

const worker_dir = await mkdtemp(join(tmpdir(), 'postern-fuzz-'))
await buildWorker(worker_dir)
const gateway = await startTarget(worker_dir)
const fuzzer = await Fuzzer.create({ url: gateway.url, operator_key: gateway.operator.key })
const explained = new Set<string>()
try {
  const failures =
    options.episode === undefined
      ? await many(Number(options.cases), Number(options['at-once']))
      : await one(Number(options.episode), options.case)
  console.log(`\n${fuzzer.cases} cases, seed ${seed}: ${failures.length} broke a rule`)
  process.exitCode = failures.length === 0 ? 0 : 1
  if (failures.length > 0) await copyFile(gateway.log_file, KEPT_LOG).then(() => console.log(`log: ${KEPT_LOG}`))
} finally {
  fuzzer.close()
  await gateway.close()
  await rm(worker_dir, { recursive: true, force: true })
}

async function one(episode: number, number: string | undefined): Promise<Failure[]> {
  const only = number === undefined ? undefined : Number(number)
  const failures = await fuzzer.run(seed, episode, only, (line) => console.log(line))
  await explainNew(failures)
  return failures
}

async function many(cases: number, at_once: number): Promise<Failure[]> {
  const began_at = performance.now()
  let shown_at = began_at
  const onEpisode = async (found: readonly Failure[]) => {
    await explainNew(found)
    if (performance.now() - shown_at < PROGRESS_MS) return
    shown_at = performance.now()
    const per_s = Math.round((fuzzer.cases * 1000) / (shown_at - began_at))
    console.error(`${fuzzer.cases} cases, ${per_s} a second, ${found.length} broke a rule`)
  }
  const failures = await runEpisodes(fuzzer, { seed, episodes: Math.ceil(cases / EPISODE_CASES), at_once, onEpisode })
  showCoverage()
  const took_s = (performance.now() - began_at) / 1000
  console.log(`\n${took_s.toFixed(1)} s, ${Math.round(fuzzer.cases / took_s)} cases a second`)
  return failures
}

function showCoverage(): void {
  for (const [name, statuses] of fuzzer.coverage) {
    const counts = [...statuses].toSorted(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
    const is_reached = [...statuses.keys()].some((status) => status < 300)
    console.log(`${name.padEnd(75)} ${counts.join('  ')}${is_reached ? '' : '   <- never accepted'}`)
  }
}

/** The first of each kind, at once: a long run may have hours to go. */
async function explainNew(failures: readonly Failure[]): Promise<void> {
  for (const failure of failures) {
    const kind = `${failure.request?.method} ${failure.objection.replaceAll(/[\d"']+.*/g, '')}`
    if (explained.has(kind) || explained.size === KINDS_SHOWN_MAX) continue
    explained.add(kind)
    await explain(failure, gateway)
  }
}

async function explain(failure: Failure, { log_file }: GatewayProcess): Promise<void> {
  const { seed, episode, number, objection, request, answer } = failure
  console.log(`\n${objection}`)
  if (request !== undefined) console.log(show(request))
  if (answer !== undefined) {
    console.log(`  -> ${answer.status} ${answer.text.slice(0, 1000)}`)
    const id = answer.headers['x-request-id'] ?? ' '
    const logged = (await readFile(log_file, 'utf8')).split('\n').filter((line) => line.includes(id))
    for (const line of logged) console.log(`  log: ${line.slice(0, 2000)}`)
  }
  console.log(
    `replay: npm run fuzz -- --seed ${seed} --episode ${episode}${number === null ? '' : ` --case ${number}`}`,
  )
}
