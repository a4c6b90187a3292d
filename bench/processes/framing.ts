/** Finds where one HTTP/1.1 message ends and the next begins; knows as much HTTP as workerd speaks with a bench. */

const HEAD_END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

export interface Framed {
  /** Request or status line, and headers, as they came. */
  head: string
  body: Buffer
}

/** Cuts a stream of bytes into messages. One for each connection. */
export class Framing {
  #rest: Buffer = NOTHING

  /** The messages that these bytes complete. */
  push(bytes: Buffer): Framed[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const framed: Framed[] = []
    for (let next = this.#next(); next !== null; next = this.#next()) framed.push(next)
    return framed
  }

  #next(): Framed | null {
    const head_end = this.#rest.indexOf(HEAD_END)
    if (head_end < 0) return null
    const head = this.#rest.toString('latin1', 0, head_end)
    const from = head_end + HEAD_END.length
    const end = bodyEnd(this.#rest, head, from)
    if (end === null) return null
    const body = this.#rest.subarray(from, end)
    this.#rest = end === this.#rest.length ? NOTHING : this.#rest.subarray(end)
    return { head, body }
  }
}

/** Null while it has not arrived. A chunked body keeps its chunk lines: nobody here reads one. */
function bodyEnd(bytes: Buffer, head: string, from: number): number | null {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = from + Number(length)
    return end <= bytes.length ? end : null
  }
  return /\r\ntransfer-encoding: *chunked/i.test(head) ? chunksEnd(bytes, from) : from
}

function chunksEnd(bytes: Buffer, from: number): number | null {
  for (let at = from; ; ) {
    const line_end = bytes.indexOf('\r\n', at)
    if (line_end < 0) return null
    const size = Number.parseInt(bytes.toString('latin1', at, line_end), 16)
    at = line_end + 2 + size + 2
    if (at > bytes.length) return null
    if (size === 0) return at
  }
}
