import { type Keyring, seal, sealedUnder, type UnsealError, unseal } from '../lib/keyring.ts'
import type { RowKey, SealedColumn } from './sealed-columns.ts'

export interface Resealed {
  /** The value as it is to be stored now; null when there is nothing to change. */
  value: string | null
  /** Of what no key of the ring opens. It stays as it is: putting its key back heals it. */
  unsealable: UnsealError[]
}

/** Seals everything in the value of a sealed column under the current key, each as far as it opens. */
export async function resealValue(
  keyring: Keyring,
  { holds, context }: Pick<SealedColumn, 'holds' | 'context'>,
  key: RowKey,
  stored: string,
): Promise<Resealed> {
  const unsealable: UnsealError[] = []
  let is_changed = false

  const sealText = (text: string, path: readonly string[]) => {
    is_changed = true
    return seal(keyring, text, context(key, path))
  }
  const resealText = async (sealed: string, path: readonly string[]) => {
    if (sealedUnder(sealed) === keyring.current) return sealed
    const text = await unseal(keyring, sealed, context(key, path))
    if (text.ok) return sealText(text.value, path)
    unsealable.push(text.error)
    return sealed
  }
  const walk = async (value: unknown, path: readonly string[]): Promise<unknown> => {
    if (typeof value === 'string' && path.length === 1) return { sealed: await sealText(value, path) }
    if (typeof value === 'string' && path.at(-1) === 'sealed') return resealText(value, path.slice(0, -1))
    if (Array.isArray(value)) return Promise.all(value.map((part, i) => walk(part, [...path, String(i)])))
    if (typeof value !== 'object' || value === null) return value
    const members = Object.entries(value).map(
      async ([name, part]) => [name, await walk(part, [...path, name])] as const,
    )
    return Object.fromEntries(await Promise.all(members))
  }

  const value = holds === 'text' ? await resealText(stored, []) : JSON.stringify(await walk(JSON.parse(stored), []))
  return { value: is_changed ? value : null, unsealable }
}
