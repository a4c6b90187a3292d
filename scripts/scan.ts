/**
 * `npm run scan`: known vulnerabilities of what production runs, and secrets in what git has. A registry that
 * does not answer is a warning; a finding that nobody has accepted (scan/accepted.ts) fails.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { PROJECT_DIR } from './build.ts'
import { ACCEPTED_ADVISORIES, ACCEPTED_SECRETS } from './scan/accepted.ts'
import { judgeAudit } from './scan/audit.ts'
import { filesOfGit, findSecretsIn, judgeSecrets } from './scan/secrets.ts'
import { done, fail, paint, say } from './terminal.ts'

const AUDIT_LIMIT_MS = 15_000

const [audit, secrets] = await Promise.all([scanDependencies(), scanFiles()])
const findings = [...audit, ...secrets]
for (const finding of findings) say(`${paint('red', '✗')} ${finding}`)
if (findings.length > 0) fail(`${findings.length} to look at: docs/vulnerability-management.md says how`)

async function scanDependencies(): Promise<string[]> {
  const verdict = judgeAudit(await npmAudit(), ACCEPTED_ADVISORIES, new Date().toISOString().slice(0, 10))
  if (verdict === null) {
    warn('audit', 'the registry gave no report of advisories; nothing is known of the dependencies')
    return []
  }
  const { grave, lesser, accepted, outdated } = verdict
  for (const { id, name, severity, title } of lesser) warn('audit', `${severity}: ${name}, ${title} (${id})`)
  if (grave.length === 0) done('audit', `no grave advisory for what production runs, ${accepted.length} accepted`)
  return [
    ...grave.map(({ id, name, severity, title, url }) => `${severity}: ${name}, ${title} (${id}, ${url})`),
    ...outdated.map(({ id }) => `${id} is accepted in scripts/scan/accepted.ts, but not reported any more`),
  ]
}

/** What it wrote, whatever it thought of it. */
async function npmAudit(): Promise<string> {
  const options = { cwd: PROJECT_DIR, timeout: AUDIT_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 }
  const run = promisify(execFile)('npm', ['audit', '--omit=dev', '--json'], options)
  return run.then(({ stdout }) => stdout).catch(({ stdout = '' }: { stdout?: string }) => stdout)
}

async function scanFiles(): Promise<string[]> {
  const files = await filesOfGit()
  const { open, outdated } = judgeSecrets(await findSecretsIn(files), ACCEPTED_SECRETS)
  if (open.length === 0) done('secrets', `none in ${files.length} files, but for ${ACCEPTED_SECRETS.length} accepted`)
  return [
    ...open.map(({ file, line, rule }) => `${file}:${line} looks like a secret (${rule})`),
    ...outdated.map(({ file, rule }) => `${file} is accepted for ${rule} in scripts/scan/accepted.ts, without need`),
  ]
}

function warn(what: string, detail: string): void {
  say(`${paint('yellow', '!')} ${what.padEnd(10)} ${detail}`)
}
