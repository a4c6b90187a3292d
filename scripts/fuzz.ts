/**
 * Fuzzes a built Postern over HTTP, each request drawn from the OpenAPI document (docs/fuzzing.md).
 *
 *   npm run fuzz -- --cases 100000 [--seed 1] [--at-once 8]     many, with coverage
 *   npm run fuzz -- --seed 1 --episode 42 [--case 7]            one episode again, with a trace to read
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EPISODE_CASES, type Failure, Fuzzer, show } from '../test/security/fuzz/episode.ts'
import { runEpisodes } from '../test/security/fuzz/run.ts'
import { startTarget } from '../test/security/fuzz/target.ts'
import { buildWorker } from './build.ts'
import type { GatewayProcess } from './gateway-process.ts'
import { readOptions } from './terminal.ts'

const FAILURES_SHOWN_MAX = 10
const PROGRESS_MS = 10_000

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
try {
  const failures =
    options.episode === undefined
      ? await many(Number(options.cases), Number(options['at-once']))
      : await fuzzer.run(
          seed,
          Number(options.episode),
          options.case === undefined ? undefined : Number(options.case),
          (line) => console.log(line),
        )
  for (const failure of distinct(failures).slice(0, FAILURES_SHOWN_MAX)) await explain(failure, gateway)
  console.log(`\n${fuzzer.cases} cases, seed ${seed}: ${failures.length} broke a rule`)
  process.exitCode = failures.length === 0 ? 0 : 1
} finally {
  fuzzer.close()
  await gateway.close()
  await rm(worker_dir, { recursive: true, force: true })
}

async function many(cases: number, at_once: number): Promise<Failure[]> {
  const began_at = performance.now()
  let shown_at = began_at
  const failures = await runEpisodes(fuzzer, {
    seed,
    episodes: Math.ceil(cases / EPISODE_CASES),
    at_once,
    onEpisode: (found) => {
      if (performance.now() - shown_at < PROGRESS_MS) return
      shown_at = performance.now()
      const per_s = Math.round((fuzzer.cases * 1000) / (shown_at - began_at))
      console.error(`${fuzzer.cases} cases, ${per_s} a second, ${found.length} broke a rule`)
    },
  })
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

/** One of each kind. */
function distinct(failures: Failure[]): Failure[] {
  const kinds = new Map(
    failures.map((failure) => [
      `${failure.request?.method} ${failure.objection.replaceAll(/[\d"']+.*/g, '')}`,
      failure,
    ]),
  )
  return [...kinds.values()]
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
