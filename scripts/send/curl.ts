import { isUtf8 } from 'node:buffer'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SignedRequest } from './signed-request.ts'

/** Longer ones do not fit on a screen. */
const INLINE_BYTES_MAX = 4096

/** What no shell or terminal takes as it is: control characters but tab and newline. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const UNTYPEABLE = /[\u0000-\u0008\u000b-\u001f\u007f]/

/**
 * The command for a POSIX shell that sends exactly this. A body that is long or no text goes into a file.
 * @param name of that file, without its ending
 */
export async function curlCommand({ url, headers, body }: SignedRequest, name: string): Promise<string> {
  const lines = Object.entries(headers).map(([header, value]) => `-H ${quote(`${header}: ${value}`)}`)
  return ['curl -i', ...lines, await bodyArgument(body, name), quote(url)].join(' \\\n  ')
}

async function bodyArgument(body: Uint8Array, name: string): Promise<string> {
  const text = Buffer.from(body).toString()
  // Other than --data-binary, it takes a leading @ as it is.
  if (isUtf8(body) && body.length <= INLINE_BYTES_MAX && !UNTYPEABLE.test(text)) return `--data-raw ${quote(text)}`
  const file = join(tmpdir(), `${name.replaceAll(/[^A-Za-z0-9.-]/g, '-')}.body`)
  await writeFile(file, body)
  return `--data-binary ${quote(`@${file}`)}`
}

/** One word of a POSIX shell, whatever is in it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
