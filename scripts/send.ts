/**
 * `npm run send -- stripe invoice.paid`: what a provider sends, signed as it signs, to a source on this machine or, with
 * `--to`, to any other.
 *
 *   npm run send                       the providers
 *   npm run send -- stripe             its events
 *   --to URL                           a source of yours, with
 *   --secret TEXT | @FILE              the secret that it knows (better: POSTERN_SEND_SECRET), a private key in PEM where
 *                                      the provider has a key pair
 *   --credentials JSON                 where one text is not all
 *   --settings JSON                    its settings, as it was created with
 *   --id ID   --at TIME   --body TEXT | @FILE    instead of a new event, now, with the example of the provider's documentation
 *   --count N                          so many events; with --id the same one so many times
 *   --forge                            signed with another secret
 *   --dry-run                          only shows the curl command that would do the same
 *
 * Ends with 0 when all was accepted, 1 when not, 2 when it did not understand.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROVIDERS, type ProviderName } from '../src/sources/providers.ts'
import type { Client } from './client.ts'
import type { Invented, Sampler } from './samples/sampler.ts'
import { SAMPLERS } from './samples.ts'
import { readCommand, type SendCommand } from './send/command-line.ts'
import { curlCommand } from './send/curl.ts'
import { findGateway } from './send/local-gateway.ts'
import { ensureSource, type OwnSource } from './send/local-source.ts'
import { type DeliveryView, findMessage, findRefusal, followDeliveries } from './send/outcome.ts'
import { type SignedRequest, signRequest, withOwn } from './send/signed-request.ts'
import { readKeysOfSources, writeKeysOfSources } from './state.ts'
import { done, fail, paint, say } from './terminal.ts'

const ACCEPTED = 0
const REFUSED = 1
const MISUNDERSTOOD = 2

/** Of an answer's body. */
const SHOWN_LENGTH_MAX = 500

/** Where requests go, and what signs them. */
interface Target {
  url: string
  key: Invented
  /** Null for somebody else's gateway, which cannot be asked what became of them. */
  own: { operator: Client; source: OwnSource } | null
}

const command = readCommand(process.argv.slice(2), process.env)
if (!command.ok) fail(command.error, MISUNDERSTOOD)
switch (command.value.kind) {
  case 'providers':
    showProviders()
    break
  case 'events':
    showEvents(command.value.provider)
    break
  case 'send':
    process.exitCode = await send(command.value).catch((error: Error) => fail(error.message))
}

function showProviders(): void {
  for (const [name, { events }] of Object.entries(SAMPLERS)) {
    say(`${name.padEnd(20)} ${paint('dim', Object.keys(events).join('  '))}`)
  }
  say()
  say('npm run send -- stripe invoice.paid              to a source of its own here, once npm start runs')
  say('npm run send -- stripe invoice.paid --to URL     to yours, with --secret or POSTERN_SEND_SECRET')
}

function showEvents(provider: ProviderName): void {
  const { title, specification } = PROVIDERS[provider]
  say(`${title}  ${paint('dim', specification)}`)
  say()
  for (const type of Object.keys(SAMPLERS[provider].events))
    say(`npm run send -- ${provider} ${/\s/.test(type) ? `'${type}'` : type}`)
}

async function send(wanted: SendCommand): Promise<number> {
  const sampler = SAMPLERS[wanted.provider]
  const target = wanted.to === null ? await localTarget(wanted, sampler) : await namedTarget(wanted.to, wanted, sampler)
  // Whoever forges knows how to sign, and not with what.
  const key = wanted.is_forged ? await sampler.invent() : target.key
  const signer: Invented = { ...key, ...(target.key.settings && { settings: target.key.settings }) }
  const { type, id, at } = wanted
  const body = wanted.body === null ? null : await bytesOf(wanted.body)
  let exit_code = ACCEPTED
  for (let sent = 0; sent < wanted.count; sent++) {
    const request = await signRequest(sampler, signer, { type, url: target.url, id, at, body })
    if (wanted.is_dry) {
      process.stdout.write(`${await curlCommand(request, `postern-${wanted.provider}-${type}-${sent + 1}`)}\n`)
    } else if (!(await post(request, wanted, target))) {
      exit_code = REFUSED
    }
  }
  return exit_code
}

/** A source of the user's, of which they say what it knows. */
async function namedTarget(url: string, { own }: SendCommand, sampler: Sampler): Promise<Target> {
  const secret = own.secret === undefined ? {} : { secret: (await bytesOf(own.secret)).toString().trimEnd() }
  return { url, key: withOwn(await sampler.invent(), { ...own, ...secret }), own: null }
}

/** A source of the gateway on this machine, made when there is none. */
async function localTarget({ provider, state_dir, is_dry }: SendCommand, sampler: Sampler): Promise<Target> {
  const operator = await findGateway(state_dir, process.env.PORT)
  if (!operator.ok) fail(operator.error)
  const file = join(state_dir, 'sources.json')
  const keys = await readKeysOfSources(file)
  const source = await ensureSource(operator.value, provider, sampler, keys)
  if (source.is_new) await writeKeysOfSources(file, { ...keys, [source.id]: { settings: {}, ...source.key } })
  if (!is_dry) done('source', `${source.id} of the demo tenant, ${source.is_new ? 'made' : 'kept from last time'}`)
  return { url: source.url, key: source.key, own: { operator: operator.value, source } }
}

/** @returns whether it was accepted */
async function post(
  request: SignedRequest,
  { provider, type, is_forged }: SendCommand,
  { own }: Target,
): Promise<boolean> {
  const { url, headers, body } = request
  const sent_at = Date.now()
  const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual' }).catch((error: Error) => {
    // Of a name with several addresses, none of which answers, the message is empty.
    const cause = error.cause as NodeJS.ErrnoException | undefined
    fail(`${url} does not answer: ${cause?.message || cause?.code || error.message}`)
  })
  const text = await response.text()
  const took = `${Date.now() - sent_at} ms`
  const status = paint(response.ok ? 'green' : 'red', `${response.ok ? '✓' : '✗'} ${response.status}`)
  say(
    `${status} ${provider} ${type} in ${took}  ${paint('dim', `request ${response.headers.get('x-request-id') ?? 'without an id'}`)}`,
  )
  if (text !== '') say(`  ${text.slice(0, SHOWN_LENGTH_MAX)}`)
  if (is_forged && response.ok) say('  believed all the same: this source asks for no proof')
  if (own !== null && response.ok) await showMessage(own.operator, own.source, text, sent_at)
  if (own !== null && response.status === 401) await showRefusal(own.operator, own.source, sent_at)
  return response.ok
}

async function showMessage(operator: Client, source: OwnSource, answer: string, sent_at: number): Promise<void> {
  const message = await findMessage(operator, answer, sent_at, source.event_type_prefix)
  if (message === undefined) return say('  no new message: it was known, or a question that was answered')
  say(`  ${message.id}  ${message.type}  ${paint('dim', `${message.content_type}, ${message.size_bytes} bytes`)}`)
  const deliveries = await followDeliveries(operator, message.id)
  if (deliveries.length === 0) say('  no endpoint of the demo tenant subscribes to it')
  for (const delivery of deliveries) say(`  → ${delivery.endpoint_id}  ${outcomeOf(delivery)}`)
}

function outcomeOf({ state, reason, last_status, last_error, attempt_count }: DeliveryView): string {
  const answer = last_status ?? last_error ?? reason ?? ''
  return `${paint(state === 'succeeded' ? 'green' : 'yellow', state)} ${answer} ${paint('dim', `attempt ${attempt_count}`)}`
}

async function showRefusal(operator: Client, source: OwnSource, sent_at: number): Promise<void> {
  const reason = await findRefusal(operator, source.id, sent_at)
  if (reason !== undefined) say(`  ${reason} ${paint('dim', '(only the owner of the source is told)')}`)
}

/** `@file`, or the text itself. */
async function bytesOf(given: string): Promise<Buffer> {
  if (!given.startsWith('@')) return Buffer.from(given)
  return readFile(given.slice(1)).catch((error: Error) => fail(error.message, MISUNDERSTOOD))
}
