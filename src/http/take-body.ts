import type { AppContext } from './context.ts'
import { type Problem, ProblemError, problem } from './problems.ts'
import { type BodyFault, type Room, readBody } from './read-body.ts'

/** Time for the largest body over a slow line. Who needs longer has stopped, or wants to keep us busy. */
const BODY_MS_MAX = 30_000

/**
 * The body of a request, as it was sent.
 * @param room that it needs where it is large
 * @throws ProblemError when it is packed, too large, too slow, or breaks off, or when there is no room for it
 */
export async function takeBody(c: Pick<AppContext, 'req'>, bytes_max: number, room?: Room): Promise<Uint8Array> {
  // Unpacked, a small body could be any size.
  if (!/^(identity)?$/i.test(c.req.header('content-encoding') ?? ''))
    throw new ProblemError(problem('unsupported_media_type', 'send the body without compression'))
  const body = await readBody(c.req.raw, { bytes_max, ms_max: BODY_MS_MAX, room })
  if (!body.ok) throw new ProblemError(toProblem(body.error, bytes_max))
  return body.value
}

function toProblem(fault: BodyFault, bytes_max: number): Problem {
  switch (fault) {
    case 'too_large':
      return problem('payload_too_large', `a body here may have ${bytes_max} bytes`)
    case 'too_slow':
      return problem('request_timeout', `the body did not arrive within ${BODY_MS_MAX / 1000} s`)
    case 'no_room':
      return problem('unavailable', 'too many large bodies at once; send it again', { headers: { 'retry-after': '5' } })
    case 'broken':
      return problem('body_incomplete', 'the body broke off before its end')
  }
}
