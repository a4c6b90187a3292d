/** Text as UTF-8. One encoder for all: each would be an object of the runtime, made for a moment. */

const encoder = new TextEncoder()

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text)
}
