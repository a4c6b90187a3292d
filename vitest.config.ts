import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { generateSecrets } from './scripts/state.ts'

/** What runs inside workerd. */
function inWorkerd() {
  return cloudflareTest(async () => ({
    main: './src/index.ts',
    wrangler: { configPath: './wrangler.toml' },
    miniflare: {
      bindings: { ...(await generateSecrets()), TEST_MIGRATIONS: await readD1Migrations('./migrations') },
    },
  }))
}

const workerd = {
  setupFiles: './test/worker/setup.ts',
  testTimeout: 30_000,
  // They mostly wait, for queues and retries: more at once than there are cores.
  maxWorkers: 4,
  sequence: { groupOrder: 1 },
} as const

const TIMED = ['test/e2e/delivery.test.ts', 'test/e2e/backlog.test.ts']
const e2e = { environment: 'node', globalSetup: './test/e2e/build.ts', testTimeout: 120_000 } as const

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          environment: 'node',
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          environment: 'node',
          // Some bugs show in the last of thousands of runs, and a busy machine takes its time.
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [inWorkerd()],
        test: { ...workerd, name: 'worker', include: ['test/worker/**/*.test.ts'] },
      },
      {
        plugins: [inWorkerd()],
        test: { ...workerd, name: 'security', include: ['test/security/*.test.ts'] },
      },
      {
        test: {
          name: 'fuzz',
          include: ['test/security/fuzz/*.test.ts'],
          environment: 'node',
          globalSetup: './test/security/fuzz/build.ts',
          // One gateway for all of them, which takes both cores.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...e2e,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: TIMED,
          // Each file runs a gateway of its own, and mostly waits: for an alarm, a retry, a restart.
          maxWorkers: 3,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...e2e,
          name: 'timed',
          include: TIMED,
          // They compare times: two at once would measure each other.
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
})
