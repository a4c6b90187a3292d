import type { z } from 'zod'
import { wordOfReason } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { parseLeniently } from '../lib/json.ts'
import { REDACTED } from '../lib/redact-json.ts'
import { deadLetterMessage, fanoutMessage, retryMessage } from '../queues/messages.ts'
import { type Kind, loadPointers } from './pointers.ts'
import { type Shown, shown } from './shown.ts'

type Fanout = z.output<typeof fanoutMessage>

/** What else queues carry has no content. Strict, because what nobody expects may be content. */
const EMPTY_SHAPES = [retryMessage.strict(), deadLetterMessage.strict()]

/**
 * Messages that a queue gave up on, as JSON. A message of a type of which something is redacted is shown without
 * its body, and what has no known shape not at all: nobody can tell what is in it. In their order.
 */
export async function showQueueMessages<Row extends { body: string | null }>(
  deps: Deps,
  rows: readonly Row[],
  is_revealed: boolean,
): Promise<Shown<Row>[]> {
  if (is_revealed) return rows.map(shown)
  const messages = rows.map((row) => {
    const value = parseLeniently(row.body ?? 'null')
    return { row, value, fanout: fanoutMessage.safeParse(value).data }
  })
  const kinds = messages.flatMap(({ fanout }) => (fanout === undefined ? [] : [kindOf(fanout)]))
  const pointersOf = await loadPointers(deps, kinds)
  return messages.map(({ row, value, fanout }) => {
    if (fanout !== undefined) {
      const is_hidden = pointersOf(kindOf(fanout)).length > 0
      return shown(is_hidden ? { ...row, body: withoutContent(fanout) } : row)
    }
    const is_empty = EMPTY_SHAPES.some((shape) => shape.safeParse(value).success)
    return shown(is_empty ? row : { ...row, body: JSON.stringify(REDACTED) })
  })
}

function kindOf({ tenant_id, item }: Fanout): Kind {
  return { tenant_id, event_type: item.event_type }
}

/** Of the members that are known alone. */
function withoutContent({ item, notes, ...rest }: Fanout): string {
  return JSON.stringify({
    ...rest,
    item: { ...item, body: 'base64' in item.body ? { base64: REDACTED } : item.body },
    notes: Object.fromEntries(Object.entries(notes).map(([id, note]) => [id, wordOfReason(note)])),
  })
}
