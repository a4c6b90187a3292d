/** Sources as a test needs them, and providers that call them. */
import { exports } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { Invented, Occasion } from '../../scripts/samples/sampler.ts'
import { SAMPLERS } from '../../scripts/samples.ts'
import type { ProviderName } from '../../src/sources/providers.ts'
import type { Json, Reply, TenantHandle } from './harness.ts'

export interface SourceHandle {
  id: string
  provider: ProviderName
  /** As its creation answered it. */
  json: Json
  invented: Invented
}

/** A source of this provider, with credentials that its sampler makes up. */
export async function createSource(
  tenant: TenantHandle,
  provider: ProviderName,
  settings: Record<string, unknown> = {},
): Promise<SourceHandle> {
  const invented = await SAMPLERS[provider].invent()
  const { credentials, settings: own = {} } = invented
  const has_credentials = Object.keys(credentials).length > 0
  const { status, body: json } = await tenant.call('POST', '/sources', {
    body: { name: provider, provider, settings: own, ...(has_credentials && { credentials }), ...settings },
  })
  expect(status, JSON.stringify(json)).toBe(201)
  return { id: json.id, provider, json, invented }
}

export interface Sending {
  /** The provider's own name of the event; its first example unless said. */
  type?: string
  /** The same for a repeat. */
  id?: string
  now?: Date
  body?: Uint8Array | string
  /** Beside those that sign, or instead of them. */
  headers?: Record<string, string>
  /** As somebody would who does not know the key. */
  invented?: Invented
}

let events = 0

/** Calls the source as its provider does. */
export async function send(source: SourceHandle, sending: Sending = {}): Promise<Reply> {
  const { request } = await signed(source, sending)
  return deliver(request)
}

/** What {@link send} sends. */
export async function signed(
  { id: source_id, provider, invented }: SourceHandle,
  sending: Sending = {},
): Promise<{ request: Request; body: Uint8Array; occasion: Occasion }> {
  const sampler = SAMPLERS[provider]
  const [first = ''] = Object.keys(sampler.events)
  const occasion = {
    type: sending.type ?? first,
    id: sending.id ?? `00000000-0000-4000-8000-${String(++events).padStart(12, '0')}`,
    now: sending.now ?? new Date(Date.now()),
    url: `https://postern.test/in/${source_id}`,
  }
  const wanted = sending.body ?? sampler.events[occasion.type]?.(occasion) ?? ''
  const bytes = typeof wanted === 'string' ? new TextEncoder().encode(wanted) : wanted
  const { headers, body = bytes } = await sampler.sign(bytes, occasion, sending.invented ?? invented)
  const request = new Request(occasion.url, { method: 'POST', headers: { ...headers, ...sending.headers }, body })
  return { request, body, occasion }
}

export async function deliver(request: Request): Promise<Reply> {
  const response = await exports.default.fetch(request)
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: parse(text) }
}

function parse(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
