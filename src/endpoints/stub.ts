import type { Deps } from '../deps.ts'
import type { Bindings } from '../env.ts'
import { callObject } from '../lib/call-object.ts'
import { log } from '../lib/log.ts'

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
 * @param what dotted name of the call, for the log
 */
export async function tellEndpoint(
  { env, waitUntil }: Pick<Deps, 'waitUntil'> & { env: Namespace },
  object_name: string,
  what: string,
  call: (stub: EndpointStub) => Promise<void>,
): Promise<void> {
  const hears = async () => {
    try {
      await callEndpoint(env, object_name, call)
      return true
    } catch (error) {
      log('warn', `${what}_failed`, { object_name, error })
      return false
    }
  }
  const tellAgain = async () => {
    for (const delay_ms of TELL_AGAIN_AFTER_MS) {
      await scheduler.wait(delay_ms)
      if (await hears()) return
    }
  }
  if (!(await hears())) waitUntil(tellAgain())
}
