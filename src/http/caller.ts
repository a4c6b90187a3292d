import type { AppContext } from './context.ts'

/**
 * The address that called, as Cloudflare saw it: it sets this header itself, whatever the caller sent. A
 * local gateway does so only when the caller sent none.
 * https://developers.cloudflare.com/fundamentals/reference/http-headers/#cf-connecting-ip
 */
export function addressOf(c: AppContext): string | undefined {
  return c.req.header('cf-connecting-ip')
}
