import { version } from '../package.json'

/** Postern's version, as receivers see it in the user agent. */
export const VERSION: string = version
