import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { buildWorker } from '../../scripts/build.ts'

declare module 'vitest' {
  interface ProvidedContext {
    worker_dir: string
    /** The same Worker on a platform that can be told to fail. */
    faulty_worker_dir: string
  }
}

const FAULTY_ENTRY = fileURLToPath(new URL('faults/index.ts', import.meta.url))

/** Builds the Worker once for all end-to-end tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const out_dir = await mkdtemp(join(tmpdir(), 'postern-worker-'))
  const [worker_dir, faulty_worker_dir] = [join(out_dir, 'well'), join(out_dir, 'faulty')]
  await Promise.all([buildWorker(worker_dir), buildWorker(faulty_worker_dir, 'dev', FAULTY_ENTRY)])
  project.provide('worker_dir', worker_dir)
  project.provide('faulty_worker_dir', faulty_worker_dir)
  return () => rm(out_dir, { recursive: true, force: true })
}
