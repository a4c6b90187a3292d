/** `npm run dev`: `wrangler dev` with secrets and a migrated database, rebuilding on every change. */

import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { PROJECT_DIR, VARS_FILE, WRANGLER } from './build.ts'
import { generateSecrets, writePrivate } from './state.ts'
import { done, fail, say } from './terminal.ts'

say()
const added = await addMissingVars()
done('secrets', added.length === 0 ? '.dev.vars' : `${added.join(' and ')} added to .dev.vars`)
// CI answers the question whether a database that only this machine uses may be migrated.
const migrated = await wrangler(['d1', 'migrations', 'apply', 'DB', '--local'], { CI: 'true' })
if (migrated !== 0) fail('The migrations of the local database failed, see above')
process.exitCode = await wrangler(['dev', ...process.argv.slice(2)])

/** Keeps what is there: somebody may have put their own values in. */
async function addMissingVars(): Promise<string[]> {
  const present = await readFile(VARS_FILE, 'utf8').catch(() => '')
  const isPresent = (name: string) => new RegExp(`^${name}\\s*=`, 'm').test(present)
  const missing = Object.entries(await generateSecrets()).filter(([name]) => !isPresent(name))
  if (missing.length === 0) return []
  const lines = missing.map(([name, value]) => `${name}="${value}"`)
  await writePrivate(VARS_FILE, [present.trimEnd(), ...lines].filter((line) => line !== '').join('\n'))
  return missing.map(([name]) => name)
}

/** The exit code. Ctrl-C reaches wrangler too, so this process only waits for its end. */
function wrangler(args: string[], extra_env: Record<string, string> = {}): Promise<number> {
  const env = { ...process.env, WRANGLER_HIDE_BANNER: 'true', ...extra_env }
  const child = spawn(process.execPath, [WRANGLER, ...args], { cwd: PROJECT_DIR, stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 0)))
}
