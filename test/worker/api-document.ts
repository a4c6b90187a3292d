import { call, type Json } from './harness.ts'

/** One operation, as the document at `/openapi.json` has it. */
export interface Operation {
  method: string
  /** With its parameters in braces. */
  path: string
  /** A permission of `src/http/permissions.ts`, or `public`. */
  permission: string
  contract: Json
}

export async function readDocument(): Promise<Json> {
  return (await call('GET', '/openapi.json', { key: null })).body
}

export function operationsOf(document: Json): Operation[] {
  return Object.entries<Json>(document.paths).flatMap(([path, item]) =>
    Object.entries<Json>(item).map(([method, contract]) => ({
      method: method.toUpperCase(),
      path,
      permission: contract['x-permission'],
      contract,
    })),
  )
}

/** The path with this tenant in it, and with ids that nothing has but for those that are given. */
export function pathFor({ path }: Operation, tenant_id: string, ids: Readonly<Record<string, string>> = {}): string {
  return path.replace('{tenant}', tenant_id).replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? 'none')
}
