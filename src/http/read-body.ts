import { concat } from '../lib/bytes.ts'
import { err, ok, type Result } from '../lib/result.ts'

/** Why a body could not be read: `broken` when its sender hung up, or sent something else than it had announced. */
export type BodyFault = 'too_large' | 'too_slow' | 'broken' | 'no_room'

/** Of what large bodies may take together. */
export interface Room {
  /** What needs no more than this need not ask. */
  small_bytes: number
  /** Waits for room. False when there is none in time. */
  enter: (bytes: number) => Promise<boolean>
}

export interface BodyLimits {
  bytes_max: number
  room?: Room | undefined
  /** From its first byte to its last. */
  ms_max: number
}

/** A request, or an answer. */
type Sent = Pick<Request, 'body' | 'headers' | 'arrayBuffer'>

/** Reads a body that may be too large, come too slowly, or never end. */
export async function readBody(request: Sent, limits: BodyLimits): Promise<Result<Uint8Array, BodyFault>> {
  if (request.body === null) return ok(new Uint8Array(0))
  const declared = declaredLength(request.headers)
  if (declared !== null && declared > limits.bytes_max) return err('too_large')
  // HTTP itself holds a body to the length that it has declared: only one that did not is counted.
  const reading = declared === null ? count(request.body, limits) : all(request, declared, limits)
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<Result<never, BodyFault>>((resolve) => {
    timer = setTimeout(() => resolve(err('too_slow')), limits.ms_max)
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    clearTimeout(timer)
  }
}

function declaredLength(headers: Headers): number | null {
  const length = headers.get('content-length')
  return length === null || headers.has('transfer-encoding') ? null : Number(length)
}

async function all(request: Sent, length: number, { room }: BodyLimits): Promise<Result<Uint8Array, BodyFault>> {
  if (room !== undefined && length > room.small_bytes && !(await room.enter(length))) return err('no_room')
  try {
    return ok(new Uint8Array(await request.arrayBuffer()))
  } catch {
    return err('broken')
  }
}

async function count(
  body: ReadableStream<Uint8Array>,
  { bytes_max, room }: BodyLimits,
): Promise<Result<Uint8Array, BodyFault>> {
  const reader = body.getReader()
  const refuse = (fault: BodyFault) => {
    void reader.cancel().catch(() => {})
    return err(fault)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  let is_in = room === undefined
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.byteLength
      if (size > bytes_max) return refuse('too_large')
      chunks.push(next.value)
      // How large it will be nobody knows.
      if (room === undefined || is_in || size <= room.small_bytes) continue
      if (!(await room.enter(bytes_max))) return refuse('no_room')
      is_in = true
    }
  } catch {
    return err('broken')
  }
  return ok(concat(chunks))
}
