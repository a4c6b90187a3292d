/** Structured logs: one JSON object a line, which Workers Logs indexes by its fields. */
import { createRedactor } from './redact.ts'
import { secretsAmong } from './redact-text.ts'

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const

export type Level = (typeof LEVELS)[number]

export type Fields = Record<string, unknown>

/**
 * @param message a stable dotted name, `projection.failed`: what to search for
 * @param fields what is known of it, an Error among them. Secrets are taken out of them, wherever they stand
 */
export type Log = (level: Level, message: string, fields?: Fields) => void

export interface LogSettings {
  /** What is below is not written, and costs nothing. */
  level: Level
  /** What no line may show, as it is written. */
  secrets: readonly string[]
  write: (level: Level, line: string) => void
}

/**
 * Makes a log. It never throws, whatever it is given.
 * @example createLog({ level: 'info', secrets: [], write: (level, line) => console[level](line) })
 */
export function createLog({ level: least, secrets, write }: LogSettings): Log {
  const redactor = createRedactor(secrets)
  return (level, message, fields) => {
    if (!isAtLeast(level, least)) return
    // A stack is worth its length only where somebody has to find a mistake.
    const shown = fields && redactor.value(fields, { with_stack: level === 'error' })
    // Once more at the end: no field may pass for the level or the name of a line.
    write(level, JSON.stringify(Object.assign({ level, message }, shown, { level, message })))
  }
}

/** What the platform gave this deployment (`nodejs_compat`): vars and secrets, for as long as the isolate lives. */
const environment: Readonly<Record<string, unknown>> =
  (globalThis as { process?: { env?: Record<string, unknown> } }).process?.env ?? {}

const least: Level = LEVELS.find((level) => level === environment.LOG_LEVEL) ?? 'info'

/** What this deployment keeps secret. */
export const SECRETS: readonly string[] = secretsAmong(environment)

/** Writes to Workers Logs, from `LOG_LEVEL` on. */
export const log: Log = createLog({
  level: least,
  secrets: SECRETS,
  write: (level, line) => console[level](line),
})

/** Whether a line of this level is written: to ask before gathering what only a line is for. */
export function logs(level: Level): boolean {
  return isAtLeast(level, least)
}

function isAtLeast(level: Level, least: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(least)
}
