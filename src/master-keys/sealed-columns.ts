/**
 * Every column of D1 that holds something encrypted under a master key: what a rotation has to seal again. A new one is
 * an entry here, and nothing else.
 */
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { headerContext } from '../endpoints/own-headers.ts'
import { endpoints } from '../endpoints/table.ts'
import { secretContext } from '../signatures/sealed-secret.ts'
import { credentialsContext } from '../sources/credentials.ts'
import { sources } from '../sources/table.ts'
import { totpContext } from '../step-up/find-enrolment.ts'
import { totpEnrolments } from '../step-up/table.ts'

/** The primary key of a row, by column. */
export type RowKey = Readonly<Record<string, string>>

export interface SealedColumn {
  table: SQLiteTable
  column: SQLiteColumn
  /**
   * `text`: the column is a sealed text, or null. `json`: sealed texts are members named `sealed` of the objects in it;
   * a text right below its top is one that was never sealed, and is sealed then.
   */
  holds: 'text' | 'json'
  /**
   * What it was sealed for (`seal` of lib/keyring.ts).
   * @param path names of the members that lead to it, of JSON
   */
  context: (key: RowKey, path: readonly string[]) => string
  /** Whose it is, for the log. */
  names: (key: RowKey) => Record<string, string>
  /** Grows with every change, where copies of the row go by it. */
  version?: SQLiteColumn
  /** Endpoints keep a copy, and have to be told. */
  is_copied: boolean
}

const ownerOf = ({ tenant_id = '', id: endpoint_id = '' }: RowKey) => ({ tenant_id, endpoint_id })
const sourceOf = ({ tenant_id = '', id = '' }: RowKey) => ({ tenant_id, id })
const holderOf = ({ tenant_id = '', key_id = '' }: RowKey) => ({ tenant_id, key_id })

export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: endpoints,
    column: endpoints.secrets,
    holds: 'json',
    context: (key) => secretContext(ownerOf(key)),
    names: ownerOf,
    version: endpoints.version,
    is_copied: true,
  },
  {
    table: endpoints,
    column: endpoints.headers,
    holds: 'json',
    context: (key, [name = '']) => headerContext(ownerOf(key), name),
    names: ownerOf,
    version: endpoints.version,
    is_copied: true,
  },
  {
    table: sources,
    column: sources.credentials,
    holds: 'json',
    context: (key) => credentialsContext(sourceOf(key)),
    names: ({ id: source_id = '', ...key }) => ({ ...key, source_id }),
    is_copied: false,
  },
  {
    table: totpEnrolments,
    column: totpEnrolments.sealed,
    holds: 'text',
    context: (key) => totpContext(holderOf(key)),
    names: holderOf,
    is_copied: false,
  },
]
