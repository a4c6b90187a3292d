/** The text of a D1 export, statement by statement: a database's may be larger than any string. */

/**
 * Cuts an export after each statement. Only a quote of an even number ends a literal, because SQL doubles those inside.
 * @param chunks the file, in pieces of any size
 */
export async function* statementsOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let pending = ''
  let quotes = 0
  let scanned = 0
  for await (const chunk of chunks) {
    pending += chunk
    let begin = 0
    for (; scanned < pending.length; scanned++) {
      const character = pending[scanned]
      if (character === "'") quotes++
      if (character !== ';' || quotes % 2 !== 0) continue
      yield pending.slice(begin, scanned + 1).trim()
      begin = scanned + 1
      quotes = 0
    }
    pending = pending.slice(begin)
    scanned = pending.length
  }
  if (pending.trim() !== '') yield pending.trim()
}
