/** What of a request and its answer is fit to be kept and shown. */

// A delivery's attempts share one row (store.ts), so the smaller each record, the more of them are kept.
const HEADERS_MAX = 64
const HEADER_NAME_LENGTH_MAX = 128
const HEADER_VALUE_LENGTH_MAX = 512
const RESPONSE_HEADERS_LENGTH_MAX = 8192
const REDACTED = '[redacted]'
/** What is shorter is in many texts by chance, and no credential. */
const ECHOED_LENGTH_MIN = 8
const SECRET_NAME = /auth|token|secret|key|cookie|password|credential/i
/** As JSON each takes six bytes, and none says anything to a reader. */
const CONTROL_CHARACTERS = /[^\P{Cc}\t\n\r]/gu

/**
 * Request headers as sent. The endpoint's own are masked, because only their owner knows which of them is
 * a credential; forwarded ones when their name says so.
 */
export function shownRequestHeaders(sent: Record<string, string>, own: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(sent)
      // Postern's own come last, and they are the ones to keep.
      .slice(-HEADERS_MAX)
      .map(([name, value]) => [
        name,
        name in own || SECRET_NAME.test(name) ? REDACTED : value.slice(0, HEADER_VALUE_LENGTH_MAX),
      ]),
  )
}

/**
 * A text of the receiver's without the values of the endpoint's own headers, which debugging servers like to send back.
 * Also without the beginning of one where the text was cut off.
 */
export function withoutValues(text: string, values: readonly string[]): string {
  let shown = text
  for (const value of values.filter(({ length }) => length >= ECHOED_LENGTH_MIN)) {
    shown = shown.replaceAll(value, REDACTED)
    for (let length = value.length - 1; length >= ECHOED_LENGTH_MIN; length--) {
      if (shown.endsWith(value.slice(0, length))) shown = shown.slice(0, -length) + REDACTED
    }
  }
  return shown
}

/** The first headers of a response, each cut to a sane length: a receiver decides neither how much we store. */
export function responseHeaders(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {}
  let room = RESPONSE_HEADERS_LENGTH_MAX
  for (const [name, value] of [...headers].slice(0, HEADERS_MAX)) {
    const shown = value.slice(0, HEADER_VALUE_LENGTH_MAX).replace(CONTROL_CHARACTERS, '\ufffd')
    if (name === 'set-cookie' || name.length > HEADER_NAME_LENGTH_MAX || name.length + shown.length > room) continue
    kept[name] = shown
    room -= name.length + shown.length
  }
  return kept
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
  // A signal that has fired already tells no one again.
  if (signal.aborted) cancel()
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
  return (text + decoder.decode()).replace(CONTROL_CHARACTERS, '\ufffd')
}
