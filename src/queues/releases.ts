import { releaseSome } from '../sources/release-some.ts'
import type { ConsumerDeps } from './consumer.ts'
import { readMessage, releaseMessage } from './messages.ts'

/**
 * Hands on what a source has parked, as far as one invocation may, and lets another go on from there. Repeated from
 * where it began when an Endpoint, D1 or R2 does not answer: what was handed on is a duplicate then.
 * @throws what they throw, or UnprocessableMessage
 */
export async function consumeRelease(deps: ConsumerDeps, queued: unknown): Promise<void> {
  const release = readMessage(releaseMessage, queued)
  const after = await releaseSome(deps, release)
  if (after !== null) await deps.env.RELEASES.send({ ...release, after: [...after] })
}
