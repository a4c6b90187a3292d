/** Where the events of providers that Postern has no preset for say what they are: settings of the generic schemes. */
import { z } from '@hono/zod-openapi'
import { pickTextAt } from '../../lib/json-pick.ts'
import { parsePointer } from '../../lib/json-pointer.ts'
import type { Identity, InboundRequest } from '../provider.ts'
import { headerName, isCredentialHeader } from './header.ts'

const inHeader = z.strictObject({
  // Its value becomes part of a message, which many may see.
  header: headerName.refine((name) => !isCredentialHeader(name), 'must not be a header that carries credentials'),
})

const inBody = z.strictObject({
  body: z
    .string()
    .refine((text) => parsePointer(text).ok, 'must be a JSON Pointer')
    .refine((text) => !text.split('/').includes('*'), 'must lead to one value'),
})

const fixed = z.strictObject({ fixed: z.string().min(1).max(128) })

type Selector = z.output<typeof inHeader> | z.output<typeof inBody> | z.output<typeof fixed>

/** Members that the settings of every generic scheme have. */
export const selectors = {
  /** What is the same whenever an event is sent again. */
  event_id: z.union([inHeader, inBody]).optional(),
  event_type: z.union([inHeader, inBody, fixed]).optional(),
}

export type Selectors = z.output<z.ZodObject<typeof selectors>>

/** What a request says where its source was told to look. */
export function identifyBy(request: InboundRequest, { event_id, event_type }: Selectors): Identity {
  return { id: select(request, event_id), type: select(request, event_type) }
}

/** The headers that are looked at, in lower case. */
export function selectedHeaders({ event_id, event_type }: Selectors): string[] {
  return [event_id, event_type].flatMap((selector) => (selector && 'header' in selector ? [selector.header] : []))
}

function select({ headers, body }: InboundRequest, selector: Selector | undefined): string | null {
  if (selector === undefined) return null
  if ('fixed' in selector) return selector.fixed
  if ('header' in selector) return headers.get(selector.header) || null
  const pointer = parsePointer(selector.body)
  return pointer.ok ? (pickTextAt(body, pointer.value) ?? null) : null
}
