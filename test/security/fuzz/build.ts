import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildWorker } from '../../../scripts/build.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A build to fuzz. */
    fuzzed_worker_dir: string
  }
}

/** Builds the Worker to fuzz. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const out_dir = await mkdtemp(join(tmpdir(), 'postern-fuzzed-'))
  await buildWorker(out_dir)
  project.provide('fuzzed_worker_dir', out_dir)
  return () => rm(out_dir, { recursive: true, force: true })
}
