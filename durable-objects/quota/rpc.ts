/** What others may say to a Quota: the one file of it that domains import. */

/** How many messages a tenant may publish; null where nothing limits it. */
export interface Quotas {
  per_second: number | null
  /** At once, after a pause. Of no meaning without `per_second`. */
  burst: number
  /** In a calendar month, UTC. */
  per_month: number | null
}

export type QuotaName = 'second' | 'month'

/** What is left right now; null where nothing limits it. */
export interface Remaining {
  second: number | null
  month: number | null
}

export interface TakeCall {
  /** The same when the call is repeated, which then counts once. */
  id: string
  /** Messages that are about to be published. */
  count: number
  /** As the caller knows them: the Quota keeps none. */
  quotas: Quotas
}

export interface Taken {
  /** The first so many may go, and are counted. */
  granted: number
  /** What keeps the others; null when there are none. */
  refused_by: QuotaName | null
  /** The month in which they are counted. */
  month: string
  remaining: Remaining
}

/** What became of the messages of a call, where that is not what was granted. */
export interface Settlement {
  /** Of the call. */
  id: string
  /** In which they were counted, or should have been. */
  month: string
  /** Null when the call was not answered: whether it was heard is for the Quota to know. */
  granted: number | null
  accepted: number
}

/** What was counted in a month. */
export interface Counted {
  accepted: number
  /** Those of them that were accepted while the Quota did not answer, and counted later. */
  unmetered: number
  /** When counting began. */
  since: number
}

export interface QuotaRpc {
  /** Counts messages before they are placed, as many as the quotas leave. */
  take(call: TakeCall): Promise<Taken>
  /** Counts what was accepted instead of what was granted. */
  settle(settlement: Settlement): Promise<void>
  /** What was counted in a month, null for nothing; and what is left now. */
  usage(month: string, quotas: Quotas): Promise<{ counted: Counted | null; remaining: Remaining }>
  /** Forgets everything. */
  remove(): Promise<void>
}
