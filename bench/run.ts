/**
 * Measures Postern against an empty route on the same workerd: `npm run bench`.
 *
 *   --only publish,latency   some scenarios
 *   --quick                  a short form, in less than two minutes
 *   --full                   a million past deliveries instead of 100,000
 *   --profile                where the Worker spends its time, in the scenario `publish`
 *   --disk                   storage on disk, where workerd waits for each commit, instead of in memory
 */
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildWorker } from '../scripts/build.ts'
import { isMet, type ScenarioFigures, surroundings, table } from './report.ts'
import type { Settings } from './scenario.ts'
import { cost } from './scenarios/cost.ts'
import { delivery } from './scenarios/delivery.ts'
import { fanOut } from './scenarios/fan-out.ts'
import { growth } from './scenarios/growth.ts'
import { hanging } from './scenarios/hanging.ts'
import { hot } from './scenarios/hot.ts'
import { ingest } from './scenarios/ingest.ts'
import { latency } from './scenarios/latency.ts'
import { publish } from './scenarios/publish.ts'
import { Stage } from './stage.ts'

const SCENARIOS = [publish, ingest, delivery, latency, fanOut, hanging, hot, growth, cost]
const RESULTS = fileURLToPath(new URL('results/latest.json', import.meta.url))
const EMPTY_WORKER = fileURLToPath(new URL('empty-worker/index.ts', import.meta.url))
const MEMORY_DIR = '/dev/shm'

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    disk: { type: 'boolean', default: false },
  },
})

const settings: Settings = {
  ...(flags.quick
    ? { rounds: 1, round_ms: 1000, events: 500, past_deliveries: 5_000 }
    : { rounds: 5, round_ms: 3000, events: 3_000, past_deliveries: flags.full ? 1_000_000 : 100_000 }),
  lanes: [1, 4, 16],
  profile: flags.profile,
}

const names = flags.only?.split(',') ?? SCENARIOS.map(({ name }) => name)
const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name))
if (unknown.length > 0)
  throw new Error(`no scenario ${unknown.join(', ')}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`)

// Where workerd keeps its state. On a disk it waits for each commit on its only thread, which measures the
// disk: production commits elsewhere, while the object goes on.
const in_memory = !flags.disk && (await stat(MEMORY_DIR).catch(() => null))?.isDirectory() === true
if (in_memory) process.env.TMPDIR = MEMORY_DIR

const worker_dir = await mkdtemp(join(tmpdir(), 'postern-bench-'))
const results: ScenarioFigures[] = []
try {
  const builds = { postern: join(worker_dir, 'postern'), empty: join(worker_dir, 'empty') }
  await Promise.all([buildWorker(builds.postern), buildWorker(builds.empty, 'dev', EMPTY_WORKER)])
  const where = { ...surroundings(), storage: in_memory ? 'memory' : 'disk' }
  console.info(
    Object.entries(where)
      .map(([name, value]) => `${name} ${value}`)
      .join(' · '),
  )
  for (const scenario of SCENARIOS.filter(({ name }) => names.includes(name))) {
    const began_at = performance.now()
    // New processes and storage for each, so that none pays for the one before.
    const stage = await Stage.open(builds, settings.round_ms)
    try {
      const { figures, notes = [] } = await scenario.run(stage, settings)
      results.push({ scenario: scenario.name, figures, notes, took_s: (performance.now() - began_at) / 1000 })
    } finally {
      await stage.close()
    }
    const latest = results.at(-1)
    if (latest !== undefined) console.info(table(latest))
  }
  await mkdir(join(RESULTS, '..'), { recursive: true })
  const judged = results.map(({ figures, ...rest }) => ({
    ...rest,
    figures: figures.map((figure) => ({ ...figure, is_met: isMet(figure) })),
  }))
  await writeFile(
    RESULTS,
    `${JSON.stringify({ at: new Date().toISOString(), where, settings, results: judged }, null, 2)}\n`,
  )
  const missed = results.flatMap(({ figures }) => figures.filter((figure) => isMet(figure) === false))
  console.info(
    `\n${missed.length === 0 ? 'Every budget is met.' : `Not met: ${missed.map(({ name }) => name).join('; ')}`}`,
  )
} finally {
  await rm(worker_dir, { recursive: true, force: true })
}
