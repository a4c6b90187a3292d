import type { Author } from '../audit/entry.ts'
import type { Principal } from './access.ts'
import type { AppContext } from './context.ts'

const USER_AGENT_LENGTH_MAX = 256

/**
 * The address that called, as Cloudflare saw it: it sets this header itself, whatever the caller sent. A
 * local gateway does so only when the caller sent none.
 * https://developers.cloudflare.com/fundamentals/reference/http-headers/#cf-connecting-ip
 */
export function addressOf(c: AppContext): string | undefined {
  return c.req.header('cf-connecting-ip')
}

/** Who asks, for the audit log. */
export function authorOf(c: AppContext, { key_id, role }: Pick<Principal, 'key_id' | 'role'>): Author {
  return {
    key_id,
    role,
    address: addressOf(c) ?? null,
    user_agent: c.req.header('user-agent')?.slice(0, USER_AGENT_LENGTH_MAX) ?? null,
    request_id: c.var.requestId,
  }
}
