/** What of a request and its answer is fit to be kept and shown. */

const HEADERS_MAX = 64
const HEADER_VALUE_LENGTH_MAX = 512
const SECRET_NAME = /auth|token|secret|key|cookie|password|credential/

/** Request headers as sent; of the endpoint's own, those that may hold a credential are masked. */
export function shownRequestHeaders(sent: Record<string, string>, own: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(sent).map(([name, value]) => [name, name in own && SECRET_NAME.test(name) ? '[redacted]' : value]),
  )
}

/** The first headers of a response, each cut to a sane length: a receiver decides neither how much we store. */
export function responseHeaders(headers: Headers): Record<string, string> {
  const entries = [...headers].filter(([name]) => name !== 'set-cookie').slice(0, HEADERS_MAX)
  return Object.fromEntries(entries.map(([name, value]) => [name, value.slice(0, HEADER_VALUE_LENGTH_MAX)]))
}

/**
 * The first bytes of a body as text, and no more: the rest is cancelled. The status has already
 * decided the outcome, so a body that breaks off or never ends costs only its own text.
 */
export async function readCapped(
  body: ReadableStream<Uint8Array> | null,
  bytes_max: number,
  signal: AbortSignal,
): Promise<string> {
  if (body === null) return ''
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  const decoder = new TextDecoder()
  let text = ''
  let room = bytes_max
  try {
    while (room > 0) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value.subarray(0, room), { stream: true })
      room -= value.byteLength
    }
  } catch {
    // Kept: what had arrived until then.
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
  return text + decoder.decode()
}
