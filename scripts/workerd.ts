/** What we need to know of workerd's process, which Miniflare starts and does not show. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The workerd that `parent_pid` started; undefined where the system does not tell. */
export async function findWorkerd(parent_pid: number): Promise<number | undefined> {
  const pids = await childrenFromProc(parent_pid).catch(() => childrenFromPgrep(parent_pid).catch(() => []))
  return pids[0]
}

async function childrenFromProc(parent_pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${parent_pid}/task/${parent_pid}/children`, 'utf8')
  const pids = text.trim().split(/\s+/).map(Number)
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')))
  return pids.filter((_, i) => names[i]?.trim() === 'workerd')
}

async function childrenFromPgrep(parent_pid: number): Promise<number[]> {
  const { stdout } = await run('pgrep', ['-P', String(parent_pid), 'workerd'])
  return stdout.trim().split('\n').map(Number)
}

/** Resident memory of a process in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout.trim()) * 1024
}

/**
 * Makes sure that a process does not outlive this one, even when this one gets no chance to say so
 * (SIGKILL): a shell waits for the end of a pipe that closes with us, then kills.
 * @returns the shell, to be killed when the process has ended in good order
 */
export function killWithParent(pid: number): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined
  const watcher = spawn('sh', ['-c', 'read -r _; kill -9 "$1"', 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Its own process group, or Ctrl-C in the terminal would end it before its work.
    detached: true,
  })
  watcher.unref()
  return watcher
}
