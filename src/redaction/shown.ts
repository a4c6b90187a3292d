declare const IS_SHOWN: unique symbol

/**
 * Content that is fit to be shown to whoever asked. The contracts that put payloads, attempts and queue
 * messages into JSON take nothing else, so a route that forgets to redact does not compile.
 */
export type Shown<T> = T & { readonly [IS_SHOWN]: true }

/** For this folder alone: once nothing redacted is left in it, or its reader may see all of it. */
export function shown<T>(value: T): Shown<T> {
  return value as Shown<T>
}
