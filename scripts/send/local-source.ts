import type { ProviderName } from '../../src/sources/providers.ts'
import type { Client } from '../client.ts'
import { ensureTenant, TENANT } from '../demo.ts'
import type { Invented, Sampler } from '../samples/sampler.ts'
import type { KeysOfSources } from '../state.ts'

/** As the API shows it, as far as is looked at here. */
interface SourceView {
  id: string
  name: string
  url: string
  event_type_prefix: string
}

export interface OwnSource {
  id: string
  /** Where it is reached from here. */
  url: string
  event_type_prefix: string
  key: Invented
  /** False when it was there already. */
  is_new: boolean
}

/**
 * A source of this provider in the demo tenant, with a key that a sampler has made up. Found again by its name.
 * @param keys of the sources made so far, by id
 */
export async function ensureSource(
  operator: Client,
  provider: ProviderName,
  sampler: Sampler,
  keys: KeysOfSources,
): Promise<OwnSource> {
  await ensureTenant(operator)
  const name = `send: ${provider}`
  for await (const source of operator.list<SourceView>(`${TENANT}/sources`)) {
    if (source.name !== name) continue
    const key = keys[source.id]
    if (key !== undefined) return { ...reached(operator, source), key, is_new: false }
    // What signs for it is lost, so nothing can be sent to it any more.
    await operator.call('DELETE', `${TENANT}/sources/${source.id}`)
  }
  const key = await sampler.invent()
  const { credentials, settings = {} } = key
  const source = await operator.post<SourceView>(`${TENANT}/sources`, { name, provider, credentials, settings })
  return { ...reached(operator, source), key, is_new: true }
}

function reached({ url: gateway_url }: Client, { id, url, event_type_prefix }: SourceView) {
  return { id, event_type_prefix, url: new URL(url, gateway_url).href }
}
