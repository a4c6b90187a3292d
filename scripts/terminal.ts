/** How scripts talk to a person. Colour only where it is wanted: `styleText` heeds NO_COLOR and pipes. */

import { type ParseArgsConfig, parseArgs, styleText } from 'node:util'
import type { Arrival } from './receiver.ts'

/** Of a body that arrives. */
const SHOWN_LENGTH_MAX = 1000

type Style = Parameters<typeof styleText>[0]

export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

export function say(line = ''): void {
  process.stdout.write(line === '' ? '\n' : `  ${line}\n`)
}

/** A step that was done: `✓ gateway   http://localhost:8787`. */
export function done(what: string, detail: string): void {
  say(`${paint('green', '✓')} ${what.padEnd(10)} ${detail}`)
}

export function heading(text: string): void {
  say()
  say(paint('bold', text))
  say()
}

/** One line for a webhook that arrived: `← msg_… ✓ verified {…}`. */
export function announce({ webhook_id, verified, body }: Arrival): void {
  const shown =
    body.length > SHOWN_LENGTH_MAX ? `${body.slice(0, SHOWN_LENGTH_MAX)}… (${body.length} characters)` : body
  const verdict =
    verified === null
      ? paint('dim', 'not verified')
      : verified
        ? paint('green', '✓ verified')
        : paint('red', '✗ forged')
  say(`${paint('cyan', '←')} ${webhook_id}  ${verdict}  ${shown}`)
}

/** Says why it cannot go on, in one sentence, and ends the process. */
export function fail(sentence: string, exit_code = 1): never {
  process.stderr.write(`  ${paint('red', '✗')} ${sentence}\n`)
  process.exit(exit_code)
}

/** The options of a command line; one that is not among them ends the process with a sentence. */
export function readOptions<Options extends NonNullable<ParseArgsConfig['options']>>(options: Options) {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    fail((error as Error).message)
  }
}
