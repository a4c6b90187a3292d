import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildWorker } from '../../scripts/build.ts'

declare module 'vitest' {
  interface ProvidedContext {
    worker_dir: string
  }
}

/** Builds the Worker once for all end-to-end tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const worker_dir = await mkdtemp(join(tmpdir(), 'postern-worker-'))
  await buildWorker(worker_dir)
  project.provide('worker_dir', worker_dir)
  return () => rm(worker_dir, { recursive: true, force: true })
}
