/** One structured line about this endpoint. */
export type Log = (message: string, fields: Record<string, unknown>) => void
