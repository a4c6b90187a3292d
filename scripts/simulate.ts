/**
 * Runs the simulation (docs/simulation.md).
 *
 *   npm run simulate -- --seed 42                        one run, with a trace to read
 *   npm run simulate -- --seeds 1000000 [--from 0] [--workers 2]   many, with figures and coverage
 *
 * With `--lanes`: of an endpoint with several lanes.
 */
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { Coverage } from '../test/simulation/coverage.ts'
import { LaneCoverage } from '../test/simulation/lanes/lane-coverage.ts'
import { laneScenarioOf } from '../test/simulation/lanes/lane-scenarios.ts'
import { shrinkLanes } from '../test/simulation/lanes/lane-shrink.ts'
import { simulateLanes } from '../test/simulation/lanes/lane-simulation.ts'
import { scenarioOf } from '../test/simulation/scenarios.ts'
import { shrink } from '../test/simulation/shrink.ts'
import { type Failure, simulate } from '../test/simulation/simulation.ts'

/** Seeds that a worker runs before it reports. */
const BATCH = 1000
const FAILURES_SHOWN_MAX = 5
const PROGRESS_MS = 10_000

type Counts = Record<string, Record<string, number>>

type Trace = (line: string) => void

/** One of the simulations. */
interface Simulated {
  option: string
  newCoverage(): { counts: Counts; add(other: Counts): void }
  /** Runs one seed, counting into the coverage. */
  run(seed: number, coverage: ReturnType<Simulated['newCoverage']>, trace?: Trace): Failure | null
  settingsOf(seed: number): object
  shrink(seed: number, message: string): readonly object[]
}

const ONE_ENDPOINT: Simulated = {
  option: '',
  newCoverage: () => new Coverage() as ReturnType<Simulated['newCoverage']>,
  run: (seed, coverage, trace) => simulate(scenarioOf(seed), withTrace(coverage as Coverage, trace)),
  settingsOf: (seed) => scenarioOf(seed).settings,
  shrink: (seed, message) => shrink(scenarioOf(seed), message).steps,
}

const LANES: Simulated = {
  option: '--lanes ',
  newCoverage: () => new LaneCoverage() as ReturnType<Simulated['newCoverage']>,
  run: (seed, coverage, trace) => simulateLanes(laneScenarioOf(seed), withTrace(coverage as LaneCoverage, trace)),
  settingsOf: (seed) => laneScenarioOf(seed).settings,
  shrink: (seed, message) => shrinkLanes(laneScenarioOf(seed), message).steps,
}

function withTrace<C>(coverage: C, trace: Trace | undefined): { coverage: C; trace?: Trace } {
  return trace === undefined ? { coverage } : { coverage, trace }
}

interface Batch {
  lanes: boolean
  from: number
  to: number
}

interface Report {
  seeds: number
  counts: Counts
  failures: { seed: number; failure: Failure }[]
}

function runBatch({ lanes, from, to }: Batch): Report {
  const simulated = lanes ? LANES : ONE_ENDPOINT
  const coverage = simulated.newCoverage()
  const failures: Report['failures'] = []
  for (let seed = from; seed < to; seed++) {
    const failure = simulated.run(seed, coverage)
    if (failure !== null) failures.push({ seed, failure })
  }
  return { seeds: to - from, counts: coverage.counts, failures }
}

function replay(simulated: Simulated, seed: number): boolean {
  console.log(`seed ${seed}: ${JSON.stringify(simulated.settingsOf(seed))}`)
  const failure = simulated.run(seed, simulated.newCoverage(), (line) => console.log(line))
  if (failure === null) console.log('every rule held')
  else explain(simulated, seed, failure)
  return failure === null
}

function explain(simulated: Simulated, seed: number, failure: Failure): void {
  console.log(
    `\nseed ${seed} broke a rule at step ${failure.step}, ${failure.at} ms after it began: ${failure.message}`,
  )
  const steps = simulated.shrink(seed, failure.message)
  console.log(`the steps that it needs (${steps.length}):`)
  for (const step of steps) console.log(`  ${JSON.stringify(step)}`)
  console.log(`replay: npm run simulate -- ${simulated.option}--seed ${seed}`)
}

/** Shares the seeds among workers, a batch at a time. */
function runMany(simulated: Simulated, from: number, seeds: number, workers: number): Promise<Report> {
  const coverage = simulated.newCoverage()
  const total: Report = { seeds: 0, counts: coverage.counts, failures: [] }
  const began_at = performance.now()
  let shown_at = began_at
  let next = from
  const work = (worker: Worker) => {
    const batch: Batch = { lanes: simulated === LANES, from: next, to: Math.min(next + BATCH, from + seeds) }
    next = batch.to
    if (batch.from < batch.to) worker.postMessage(batch)
    else worker.postMessage(null)
  }
  return new Promise((resolve, reject) => {
    let working = workers
    for (let i = 0; i < workers; i++) {
      const worker = new Worker(new URL(import.meta.url))
      worker.on('message', (report: Report) => {
        total.seeds += report.seeds
        total.failures.push(...report.failures)
        coverage.add(report.counts)
        if (performance.now() - shown_at > PROGRESS_MS) {
          shown_at = performance.now()
          const per_s = Math.round((total.seeds * 1000) / (shown_at - began_at))
          console.error(`${total.seeds} seeds, ${per_s} a second, ${total.failures.length} broke a rule`)
        }
        work(worker)
      })
      worker.on('error', reject)
      worker.on('exit', () => {
        if (--working === 0) resolve({ ...total, counts: coverage.counts })
      })
      work(worker)
    }
  })
}

function show(simulated: Simulated, { seeds, counts, failures }: Report, took_s: number, workers: number): void {
  for (const [topic, names] of Object.entries(counts)) {
    console.log(`\n${topic}`)
    for (const [name, count] of Object.entries(names)) {
      console.log(`  ${String(count).padStart(12)}  ${name}${count === 0 ? '   <- unreached' : ''}`)
    }
  }
  console.log(
    `\n${seeds} seeds in ${took_s.toFixed(1)} s: ${Math.round(seeds / took_s)} a second with ${workers} worker(s)`,
  )
  console.log(`${failures.length} broke a rule`)
  for (const { seed, failure } of failures.slice(0, FAILURES_SHOWN_MAX)) explain(simulated, seed, failure)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '2000' },
      from: { type: 'string', default: '0' },
      workers: { type: 'string', default: '1' },
      lanes: { type: 'boolean', default: false },
    },
  })
  const simulated = values.lanes ? LANES : ONE_ENDPOINT
  if (values.seed !== undefined) {
    process.exitCode = replay(simulated, Number(values.seed)) ? 0 : 1
    return
  }
  const began_at = performance.now()
  const workers = Number(values.workers)
  const report = await runMany(simulated, Number(values.from), Number(values.seeds), workers)
  show(simulated, report, (performance.now() - began_at) / 1000, workers)
  process.exitCode = report.failures.length === 0 ? 0 : 1
}

if (isMainThread) await main()
else {
  parentPort?.on('message', (batch: Batch | null) => {
    if (batch === null) parentPort?.close()
    else parentPort?.postMessage(runBatch(batch))
  })
}
