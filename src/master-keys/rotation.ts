/** How far a rotation of the master key has come, and what is next: decisions alone. */
import { toHex } from '../lib/hash.ts'
import { deriveBytes, type Keyring } from '../lib/keyring.ts'

/**
 * A deployment reaches the last isolate within minutes, and until then somebody may still seal under the key of before.
 * What is looked at after this is looked at for good.
 */
export const SETTLING_MS = 10 * 60 * 1000

/** Primary key of a row, in the order of its columns. */
export type Place = readonly string[]

/** Seal again what is under another key; then tell the Endpoints, which keep copies; then let the audit logs go on under the new key. */
export type Step = 'reseal' | 'tell' | 'vouch' | 'done'

/** One way through all sealed columns. */
interface Pass {
  began_at: number
  /** Which of the columns it has come to, and how far. */
  column: number
  after: Place
  /** Rows that it had something to do with; a pass without any is the last. */
  resealed: number
  unsealable: number
}

export interface Rotation {
  /** The run that goes on with it. One that another has taken over from changes nothing more. */
  run: string
  /** The keys that this is about, `id:fingerprint`, the current one first. */
  ring: readonly string[]
  /** Fingerprints of all keys that were ever seen, by id. */
  fingerprints: Readonly<Record<string, string>>
  /** When the current key was first seen to be it. */
  current_since: number
  step: Step
  pass: Pass
  /** Secrets that the last whole pass could not open; null before the first. */
  unsealable: number | null
  /** The key under which every copy in an Endpoint is known to be, as `ring` names it. */
  told: string | null
  /** The Endpoint told last, and those that did not answer when they were. */
  told_after: Place
  untold: readonly Place[]
}

/** Enough to tell keys apart. */
const FINGERPRINT_BYTES = 8

/** The keys of a ring, `id:fingerprint`, the current one first and the others in order. */
export async function describeRing(keyring: Keyring): Promise<string[]> {
  const { current, keys } = keyring
  const described = [...keys.keys()].map(async (id) => {
    const bytes = await deriveBytes(keyring, id, 'postern master key fingerprint')
    return { id, text: `${id}:${toHex((bytes ?? new Uint8Array()).subarray(0, FINGERPRINT_BYTES))}` }
  })
  const all = await Promise.all(described)
  const others = all.filter(({ id }) => id !== current).map(({ text }) => text)
  return [...all.filter(({ id }) => id === current).map(({ text }) => text), ...others.toSorted()]
}

function idOf(described: string): string {
  return described.slice(0, described.indexOf(':'))
}

/** Ids that stand for another key now than when they were first seen. */
export function changedKeys(known: Pick<Rotation, 'fingerprints'> | null, ring: readonly string[]): string[] {
  const fingerprints = known?.fingerprints ?? {}
  const isChanged = (described: string) => {
    const before = fingerprints[idOf(described)]
    return before !== undefined && described !== `${idOf(described)}:${before}`
  }
  return ring.filter(isChanged).map(idOf)
}

/** What a run goes on with; null when there is nothing to do. */
export function nextRotation(
  known: Rotation | null,
  ring: readonly string[],
  run: string,
  now: number,
  is_asked: boolean,
): Rotation | null {
  const is_same_ring = known !== null && known.ring.join(' ') === ring.join(' ')
  if (is_same_ring && known.step !== 'done') {
    const has_begun = known.pass.column > 0 || known.pass.after.length > 0
    return { ...known, run, pass: has_begun ? known.pass : newPass(now) }
  }
  if (is_same_ring && !is_asked) return null
  const is_same_key = known !== null && known.ring[0] === ring[0]
  const seen = Object.fromEntries(
    ring.map((described) => [idOf(described), described.slice(idOf(described).length + 1)]),
  )
  return {
    run,
    ring,
    // What an id stood for first is what it has to stand for.
    fingerprints: { ...seen, ...known?.fingerprints },
    current_since: is_same_key ? known.current_since : now,
    step: 'reseal',
    pass: newPass(now),
    unsealable: known?.unsealable ?? null,
    // A person who asks wants to be sure.
    told: is_same_key && !is_asked ? known.told : null,
    told_after: [],
    untold: [],
  }
}

function newPass(now: number): Pass {
  return { began_at: now, column: 0, after: [], resealed: 0, unsealable: 0 }
}

/**
 * What follows a pass through all sealed columns.
 * @returns `is_over`: the rest is for a later run
 */
export function afterPass(rotation: Rotation, now: number): { rotation: Rotation; is_over: boolean } {
  const { pass, current_since, told, ring } = rotation
  const next = { ...rotation, pass: newPass(now), unsealable: pass.unsealable }
  // Others may have written behind its back: only a pass with nothing to do can tell that there is nothing left.
  if (pass.resealed > 0) return { rotation: next, is_over: false }
  if (pass.began_at < current_since + SETTLING_MS) return { rotation: next, is_over: true }
  const step = told === ring[0] ? 'vouch' : 'tell'
  return { rotation: { ...next, step, told_after: [], untold: [] }, is_over: false }
}
