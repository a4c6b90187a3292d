/** Bugs on purpose in the code of lanes, and in the shell around a lane, to show that the simulation finds such bugs. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { mutate } from '../load-mutant.ts'
import type { Flaws, LaneCode } from './lane-code.ts'

export interface LaneMutant {
  /** The bug, as one would report it. */
  does: string
  file: 'lanes.ts' | 'route-items.ts' | 'intake.ts'
  /** Text that occurs once in the file. */
  from: string
  to: string
}

export const LANE_MUTANTS: LaneMutant[] = [
  {
    does: 'asks no former lane',
    file: 'lanes.ts',
    from: 'return [...new Set(homes)].filter((lane) => lane !== home)',
    to: 'return []',
  },
  {
    does: 'asks the first former lane only',
    file: 'lanes.ts',
    from: 'return [...new Set(homes)].filter((lane) => lane !== home)',
    to: 'return [...new Set(homes)].filter((lane) => lane !== home).slice(0, 1)',
  },
  {
    does: 'asks no lane that may hold the ordering key',
    file: 'lanes.ts',
    from: 'const may_hold_key = message.ordering_key !== null && isDraining(layout, lane)',
    to: 'const may_hold_key = false',
  },
  {
    does: 'asks no lane that may know the id',
    file: 'lanes.ts',
    from: '(message.may_be_known && until > now)',
    to: 'false',
  },
  {
    does: 'takes in a former lane what it should pass on',
    file: 'intake.ts',
    from: "if (as === 'inquiry' || (as === 'former' && !is_behind))",
    to: "if (as === 'inquiry')",
  },
  {
    does: 'passes on from a former lane what it should take',
    file: 'intake.ts',
    from: "if (as === 'inquiry' || (as === 'former' && !is_behind))",
    to: "if (as !== 'home')",
  },
  {
    does: 'forgets at a second change who is still draining',
    file: 'lanes.ts',
    from: 'draining: layout.draining | allOf(layout.lanes)',
    to: 'draining: allOf(layout.lanes)',
  },
  {
    does: 'forgets at a second change the numbers of before',
    file: 'lanes.ts',
    from: '[...layout.former.filter(is_needed), { lanes: layout.lanes, until }]',
    to: '[{ lanes: layout.lanes, until }]',
  },
  {
    does: 'changes the number under the same epoch',
    file: 'lanes.ts',
    from: 'epoch: layout.epoch + 1',
    to: 'epoch: layout.epoch',
  },
  {
    does: 'sends the members of one ordering key in one batch different ways',
    file: 'route-items.ts',
    from: '({ item }) => item.ordering_key ?? item.message_id',
    to: '({ item }) => item.message_id',
  },
  {
    does: 'finds the home by the id although there is an ordering key',
    file: 'lanes.ts',
    from: 'hash(ordering_key ?? message_id)',
    to: 'hash(message_id)',
  },
  {
    does: 'rounds every share up',
    file: 'lanes.ts',
    from: 'Math.floor(of / count) + (rank < of % count ? 1 : 0)',
    to: 'Math.ceil(of / count)',
  },
  {
    does: 'leaves lanes that are draining without a share of their own',
    file: 'lanes.ts',
    from: 'lane < layout.lanes || isDraining(layout, lane)',
    to: 'lane < layout.lanes',
  },
]

export const FLAWS: { does: string; flaws: Flaws }[] = [
  { does: 'takes what comes by an older layout', flaws: { ignores_epoch: true } },
  { does: 'goes by its old layout while the database is down', flaws: { goes_by_old_layout: true } },
  { does: 'shares a read of the database that began too early', flaws: { shares_early_reads: true } },
  { does: 'says that it has drained while it holds keys of others', flaws: { reports_early: true } },
  { does: 'never says that it has drained', flaws: { reports_never: true } },
  { does: 'marks a lane as drained whose layout has changed since', flaws: { marks_any_layout: true } },
  { does: 'lets what starts again keep its ordering key', flaws: { restart_keeps_key: true } },
  { does: 'lets what starts again at home keep a key that others may hold', flaws: { restart_trusts_home: true } },
]

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const FILES = [
  'src/endpoints/lanes.ts',
  'src/endpoints/route-items.ts',
  'durable-objects/endpoint/intake.ts',
  'durable-objects/endpoint/order.ts',
  'durable-objects/endpoint/position.ts',
].map(at)

/** The code of lanes with one bug, from a directory of its own. */
export async function loadLaneMutant({ file, from, to }: LaneMutant): Promise<LaneCode> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-mutant-'))
  try {
    for (const path of FILES) {
      const text = await readFile(path, 'utf8')
      await writeFile(join(directory, basename(path)), basename(path) === file ? mutate(text, from, to) : text)
    }
    const load = (name: string): Promise<LaneCode> =>
      import(/* @vite-ignore */ pathToFileURL(join(directory, name)).href)
    const parts = await Promise.all(['lanes.ts', 'route-items.ts', 'intake.ts'].map(load))
    return Object.assign({}, ...parts) as LaneCode
  } finally {
    await rm(directory, { recursive: true })
  }
}
