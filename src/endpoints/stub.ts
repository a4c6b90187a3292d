import type { Bindings } from '../env.ts'

type EndpointStub = ReturnType<Bindings['ENDPOINT']['get']>

const TRIES_MAX = 3
const BACKOFF_MS = 50

/** The Durable Object of an endpoint. Lane 0 bears the endpoint's id; further lanes are `{endpoint_id}/{n}`. */
function endpointStub(env: Bindings, object_name: string): EndpointStub {
  return env.ENDPOINT.get(env.ENDPOINT.idFromName(object_name))
}

/**
 * Calls an Endpoint. What the platform marks `retryable` is tried again, on a new stub because the
 * old one stays broken; what it marks `overloaded` is not, because trying again would add to it.
 * @throws the last error
 */
export async function callEndpoint<T>(
  env: Bindings,
  object_name: string,
  call: (stub: EndpointStub) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call(endpointStub(env, object_name))
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean }
      if (retryable !== true || overloaded === true || tries === TRIES_MAX) throw error
      await scheduler.wait(BACKOFF_MS * 2 ** tries * Math.random())
    }
  }
}
