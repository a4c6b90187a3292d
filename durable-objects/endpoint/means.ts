import { type Bindings, readSettings } from '../../src/env.ts'
import { getPayload } from '../../src/messages/body.ts'
import { report } from '../../src/report.ts'
import type { AttemptMeans } from './attempt.ts'

const prepared = new WeakMap<object, Omit<AttemptMeans, 'report'>>()

/**
 * What attempts need of this deployment, made once per isolate but for its reports.
 * @param waitUntil of whoever makes the attempts
 * @throws Error when MASTER_KEYS cannot be read: nothing could be signed
 */
export function attemptMeans(env: Bindings, waitUntil: (work: Promise<unknown>) => void): AttemptMeans {
  let means = prepared.get(env)
  if (means === undefined) {
    const settings = readSettings(env)
    means = {
      fetch: (input, init) => fetch(input, init),
      now: () => Date.now(),
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      keyring: settings.keyring,
      url_policy: { allow_private: settings.allow_private_endpoints, ports: settings.endpoint_ports },
      loadPayload: (r2_key) => getPayload(env.PAYLOADS, r2_key),
    }
    prepared.set(env, means)
  }
  return { ...means, report: (message, error, fields) => report({ env, waitUntil }, message, error, fields) }
}
