import type { Bindings } from '../env.ts'
import { callObject } from '../lib/call-object.ts'
import { type Reporting, report } from '../report.ts'

export type EndpointStub = ReturnType<Bindings['ENDPOINT']['get']>

/** When an Endpoint that did not hear is told again, within the 30 s that a Worker has after its answer. */
const TELL_AGAIN_AFTER_MS = [1000, 5000, 15_000]

type Namespace = Pick<Bindings, 'ENDPOINT'>

function endpointStub(env: Namespace, object_name: string): EndpointStub {
  return env.ENDPOINT.get(env.ENDPOINT.idFromName(object_name))
}

/**
 * Calls one lane of an endpoint, by the name of its object; again when that helps.
 * @throws the last error
 */
export function callEndpoint<T>(
  env: Namespace,
  object_name: string,
  call: (stub: EndpointStub) => Promise<T>,
): Promise<T> {
  return callObject(() => call(endpointStub(env, object_name)))
}

/**
 * Tells one lane of an endpoint what D1 has decided already: now, and if it does not answer, again in the background.
 * @param failed dotted name for the log of a call that failed
 */
export async function tellEndpoint(
  at: Reporting & { env: Namespace },
  object_name: string,
  failed: string,
  call: (stub: EndpointStub) => Promise<void>,
): Promise<void> {
  const hears = async () => {
    try {
      await callEndpoint(at.env, object_name, call)
      return true
    } catch (error) {
      report(at, failed, error, { object_name })
      return false
    }
  }
  const tellAgain = async () => {
    for (const delay_ms of TELL_AGAIN_AFTER_MS) {
      await scheduler.wait(delay_ms)
      if (await hears()) return
    }
  }
  if (!(await hears())) at.waitUntil(tellAgain())
}
