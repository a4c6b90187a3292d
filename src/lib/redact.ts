/** Makes anything fit to be shown to an operator: no secret, no end of length or depth, nothing that throws. */
import { createTextRedactor, REDACTED } from './redact-text.ts'

const DEPTH_MAX = 8
/** Members of one object, items of one list. */
const MEMBERS_MAX = 50
/** Values in all. */
const VALUES_MAX = 1000
const TEXT_LENGTH_MAX = 2048
const STACK_LENGTH_MAX = 4096
/** Characters in all; beyond it texts are left out. */
const LENGTH_MAX = 32_768

/** What can be said in JSON. */
type Shown = string | number | boolean | null | Shown[] | { [name: string]: Shown }

interface RedactOptions {
  /** Of errors; without it their name, message and causes. */
  with_stack: boolean
}

export interface Redactor {
  /** A text without what it must not show. */
  text(text: string): string
  /** A value as JSON may have it. Never throws. */
  value(value: unknown, options: RedactOptions): Shown
}

/** Words of a name behind which a secret stands, wherever they come in it. */
const SECRET_WORDS = new Set(
  (
    'authorization cookie cookies secret secrets key keys token tokens password passwords passwd passphrase totp otp pin ' +
    'credential credentials signature signatures hmac jwt bearer dsn apikey apikeys otpauth privatekey mnemonic'
  ).split(' '),
)

/** Of them those that may be a number. */
const CODE_WORDS = new Set(['totp', 'otp', 'pin', 'password', 'passphrase', 'token', 'secret'])

/** With one of these as its last word a name is about a secret, and is none: `key_id`. */
const ABOUT_WORDS = new Set('id ids hint count max type kind at version ms s days state'.split(' '))

/** What a payload is called: customers' data, which no log may have. Their number or size may be known. */
const PAYLOAD_WORDS = new Set(['body', 'payload', 'payloads', 'raw', 'base64'])

/**
 * @param secrets what this deployment keeps secret, as it is written
 */
export function createRedactor(secrets: readonly string[]): Redactor {
  const text = createTextRedactor(secrets)
  return { text, value: (value, options) => new Walk(text, options.with_stack).show(value) }
}

/** Whether what has this name must not be shown. */
export function isSecretName(name: string): boolean {
  const words = wordsOf(name)
  const last = words.at(-1)
  if (last === undefined || ABOUT_WORDS.has(last)) return false
  return words.some((word) => SECRET_WORDS.has(word))
}

/** `clientSecret`, `client_secret`, `CLIENT-SECRET`: two words each. */
function wordsOf(name: string): string[] {
  return name
    .slice(0, 256)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
}

function isCodeName(name: string): boolean {
  return wordsOf(name).some((word) => CODE_WORDS.has(word))
}

function isPayloadName(name: string): boolean {
  const last = wordsOf(name).at(-1)
  return last !== undefined && PAYLOAD_WORDS.has(last)
}

/** One value being shown: how much of it there has been, and what it is within. */
class Walk {
  private readonly redactText: (text: string) => string
  private readonly with_stack: boolean
  private readonly within = new Set<object>()
  private values = 0
  private length = 0

  constructor(redactText: (text: string) => string, with_stack: boolean) {
    this.redactText = redactText
    this.with_stack = with_stack
  }

  show(value: unknown, depth = 0): Shown {
    try {
      return this.showAny(value, depth)
    } catch {
      // A getter or a proxy that throws is no reason for anything to fail.
      return '[unreadable]'
    }
  }

  private showAny(value: unknown, depth: number): Shown {
    if (++this.values > VALUES_MAX) return '[…]'
    switch (typeof value) {
      case 'string':
        return this.text(value, TEXT_LENGTH_MAX)
      case 'number':
        return Number.isFinite(value) ? value : String(value)
      case 'boolean':
        return value
      case 'bigint':
        return this.text(String(value), TEXT_LENGTH_MAX)
      case 'symbol':
        return '[symbol]'
      case 'function':
        return '[function]'
      case 'undefined':
        return null
      default:
        return value === null ? null : this.showObject(value as object, depth)
    }
  }

  private showObject(value: object, depth: number): Shown {
    if (this.within.has(value)) return '[circular]'
    if (depth >= DEPTH_MAX) return '[…]'
    this.within.add(value)
    try {
      if (value instanceof Error) return this.error(value, depth)
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
      if (value instanceof URL || value instanceof RegExp) return this.text(String(value), TEXT_LENGTH_MAX)
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
      if (Array.isArray(value)) return this.list(value, depth)
      if (value instanceof Set) return this.list([...head(value)], depth)
      if (value instanceof Map || value instanceof Headers) return this.members(head(value), depth)
      return this.members(head(entriesOf(value)), depth)
    } finally {
      this.within.delete(value)
    }
  }

  private list(items: readonly unknown[], depth: number): Shown[] {
    const shown = items.slice(0, MEMBERS_MAX).map((item) => this.show(item, depth + 1))
    return items.length > MEMBERS_MAX ? [...shown, `[${items.length - MEMBERS_MAX} more]`] : shown
  }

  private members(entries: Iterable<readonly [unknown, unknown]>, depth: number): Shown {
    // Without a prototype: a member may be called __proto__.
    const shown: Record<string, Shown> = Object.create(null)
    for (const [key, value] of entries) {
      const name = typeof key === 'string' ? key : JSON.stringify(this.show(key, depth + 1))
      if (value !== undefined) shown[this.text(name, 128)] = this.member(name, value, depth)
    }
    return shown
  }

  private member(name: string, value: unknown, depth: number): Shown {
    if (value === null || typeof value === 'boolean') return value
    // How many there are may be known; a one-time code is a number too.
    if (typeof value === 'number') return isCodeName(name) ? REDACTED : this.show(value, depth + 1)
    return isSecretName(name) || isPayloadName(name) ? REDACTED : this.show(value, depth + 1)
  }

  /** With what the platform and others add to it (`retryable`, `code`), and where it comes from. */
  private error(error: Error, depth: number): Shown {
    const { name, message, stack, cause } = error
    const more = [...head(entriesOf(error))].filter(([key]) => !ERROR_MEMBERS.has(key))
    return {
      name: this.text(String(name), 128),
      message: this.text(String(message), TEXT_LENGTH_MAX),
      ...(more.length > 0 && (this.members(more, depth) as object)),
      ...(this.with_stack && { stack: this.text(frames(error, stack), STACK_LENGTH_MAX) }),
      ...(error instanceof AggregateError && { errors: this.list(error.errors, depth) }),
      ...(cause !== undefined && { cause: this.show(cause, depth + 1) }),
    }
  }

  private text(text: string, length_max: number): string {
    if (this.length >= LENGTH_MAX) return '[…]'
    const redacted = this.redactText(text)
    this.length += Math.min(redacted.length, length_max)
    return redacted.length > length_max ? `${redacted.slice(0, length_max)}[…]` : redacted
  }
}

/** Shown by themselves; drizzle's `params` are a customer's data. */
const ERROR_MEMBERS = new Set(['name', 'message', 'stack', 'cause', 'errors', 'query', 'params'])

/**
 * The lines of a stack that say where: its head repeats the message, which is shown beside it.
 * @param stack as it was read, once: it may be a getter
 */
export function frames({ name, message }: Error, stack: unknown): string {
  if (typeof stack !== 'string') return ''
  const head = `${name}: ${message}`
  const rest = stack.startsWith(head) ? stack.slice(head.length) : stack
  return rest
    .slice(0, STACK_LENGTH_MAX * 2)
    .split('\n')
    .filter((line) => /^\s+at \S/.test(line))
    .map((line) => line.trim())
    .join('\n')
}

/** Own members, one by one: a getter that throws costs its own value alone. */
function* entriesOf(value: object): Generator<[string, unknown]> {
  for (const key of Object.keys(value)) {
    let member: unknown = '[unreadable]'
    try {
      member = (value as Record<string, unknown>)[key]
    } catch {}
    yield [key, member]
  }
}

function* head<Item>(items: Iterable<Item>): Generator<Item> {
  let count = 0
  for (const item of items) {
    if (++count > MEMBERS_MAX) return
    yield item
  }
}
