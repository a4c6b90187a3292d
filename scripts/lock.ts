/** Keeps two processes from using one folder at the same time. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Takes a lock that ends with this process. One that was left behind by a process that was killed is taken over.
 * @returns null when it was taken, else the process that holds it
 */
export function takeLock(file: string): number | null {
  for (;;) {
    try {
      writeFileSync(file, `${process.pid}\n`, { flag: 'wx' })
      process.once('exit', () => rmSync(file, { force: true }))
      return null
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner_pid = Number(readFileSync(file, 'utf8'))
    if (isAlive(owner_pid)) return owner_pid
    rmSync(file, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
