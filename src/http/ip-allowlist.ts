import { z } from '@hono/zod-openapi'
import { readNetwork } from '../lib/network.ts'

/** Each request reads the whole list. */
const NETWORKS_MAX = 100

const network = z
  .string()
  .transform((text, context) => {
    const read = readNetwork(text)
    if (read.ok) return read.value
    context.addIssue({ code: 'custom', message: read.error })
    return z.NEVER
  })
  .openapi({ type: 'string', example: '203.0.113.0/24' })

/**
 * A list of networks, in their canonical spelling and each once.
 * @param what the list is, for the API reference
 */
export function ipAllowlist(what: string) {
  return z
    .array(network)
    .min(1)
    .max(NETWORKS_MAX)
    .transform((list) => [...new Set(list)])
    .openapi({ description: `${what}: ranges or single ones, IPv4 or IPv6` })
}
