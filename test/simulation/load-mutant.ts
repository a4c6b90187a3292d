/** Puts a bug into a copy of the core, in a directory of its own: the real core is never touched. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Core } from './endpoint-model.ts'
import type { Mutant } from './mutants.ts'

const CORE = fileURLToPath(new URL('../../durable-objects/endpoint/', import.meta.url))
const FILES = ['machine.ts', 'breaker.ts', 'schedule.ts', 'rate.ts', 'backlog.ts']

export async function loadMutant({ file, from, to }: Mutant): Promise<Core> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-mutant-'))
  try {
    for (const name of FILES) {
      const text = await readFile(join(CORE, name), 'utf8')
      await writeFile(join(directory, name), name === file ? mutate(text, from, to) : text)
    }
    const load = (name: string): Promise<Core> => import(/* @vite-ignore */ pathToFileURL(join(directory, name)).href)
    return { ...(await load('machine.ts')), Backlog: (await load('backlog.ts')).Backlog }
  } finally {
    await rm(directory, { recursive: true })
  }
}

export function mutate(text: string, from: string, to: string): string {
  const [before, after, ...more] = text.split(from)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`the core has changed: this mutant's text does not occur exactly once in it: ${from}`)
  }
  return `${before}${to}${after}`
}
