/** Secrets in files, found by secretlint: its recommended rules, and what Postern's own secrets look like. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { lintSource } from '@secretlint/core'
import { creator as pattern } from '@secretlint/secretlint-rule-pattern'
import { creator as recommended } from '@secretlint/secretlint-rule-preset-recommend'
import { PROJECT_DIR } from '../build.ts'
import type { AcceptedSecret } from './accepted.ts'

const OURS = [
  { name: 'API key', pattern: '/\\bpst_(live|test)_[0-9A-HJKMNP-TV-Z]{32,}\\b/' },
  { name: 'signing secret', pattern: '/\\bwhs(ec|k)_[A-Za-z0-9+\\/]{32,}={0,2}/' },
]

const config = {
  rules: [
    { id: 'recommended', rule: recommended },
    { id: 'pattern', rule: pattern, options: { patterns: OURS } },
  ],
}

export interface FoundSecret {
  /** Relative to the project. */
  file: string
  line: number
  rule: string
}

/** Every file that git has or would take. */
export async function filesOfGit(): Promise<string[]> {
  const options = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate']
  const { stdout } = await promisify(execFile)('git', options, { cwd: PROJECT_DIR })
  return stdout.split('\0').filter((file) => file !== '')
}

/** In files relative to the project. One that has been removed but not committed holds none. */
export async function findSecretsIn(files: readonly string[]): Promise<FoundSecret[]> {
  const found = await Promise.all(
    files.map(async (file) => findSecrets(file, await readFile(join(PROJECT_DIR, file), 'utf8').catch(() => ''))),
  )
  return found.flat()
}

/** In one file's text. */
export async function findSecrets(file: string, content: string): Promise<FoundSecret[]> {
  const source = { filePath: file, content, contentType: 'text' } as const
  const { messages } = await lintSource({ source, options: { config, maskSecrets: true } })
  return messages.map(({ ruleId, loc }) => ({
    file,
    line: loc.start.line,
    rule: ruleId.split('secretlint-rule-').at(-1) ?? ruleId,
  }))
}

/** What of it nobody has accepted, and what is accepted without need. */
export function judgeSecrets(
  found: readonly FoundSecret[],
  accepted: readonly AcceptedSecret[],
): { open: FoundSecret[]; outdated: AcceptedSecret[] } {
  const isFor = (one: AcceptedSecret, { file, rule }: FoundSecret) => one.file === file && one.rule === rule
  return {
    open: found.filter((secret) => !accepted.some((one) => isFor(one, secret))),
    outdated: accepted.filter((one) => !found.some((secret) => isFor(one, secret))),
  }
}
