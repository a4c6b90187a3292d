/** An event type holds no more (lib/glob.ts). */
const LENGTH_MAX = 128

/** Of an event that does not say what it is. */
const UNKNOWN = 'unknown'

/**
 * The event type of what a provider calls something: `stripe` and `invoice.paid` make `stripe.invoice.paid`, `shopify` and
 * `orders/create` make `shopify.orders.create`, `gitlab` and `Push Hook` make `gitlab.Push_Hook`. The same name always makes
 * the same type, and every name makes one.
 * @param prefix a valid event type
 */
export function eventTypeOf(prefix: string, type: string | null): string {
  const segments = (type ?? '')
    .slice(0, LENGTH_MAX)
    .split(/[./:]+/)
    .map((segment) => segment.replaceAll(/[^A-Za-z0-9_-]+/g, '_'))
    .filter((segment) => segment !== '')
  const named = segments.length === 0 ? [UNKNOWN] : segments
  return `${prefix}.${named.join('.')}`.slice(0, LENGTH_MAX).replace(/\.+$/, '')
}
