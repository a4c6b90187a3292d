/** So many requests one after the other in a world of their own, which a seed repeats. */
import fc from 'fast-check'
import type { Document, Operation } from './document.ts'
import { operationsOf, resolvePath } from './document.ts'
import { type Answer, type Request, Wire } from './exchange.ts'
import { Judge } from './judge.ts'
import { type Drawn, requestsOfAll } from './requests.ts'
import { World } from './world.ts'

/** Requests of an episode. */
export const EPISODE_CASES = 200

export interface Failure {
  seed: number
  episode: number
  /** Which request of the episode; null for what was found at its end. */
  number: number | null
  objection: string
  request?: Request
  answer?: Answer
}

/** What a run can be pointed at. */
export interface Target {
  url: string
  operator_key: string
}

export type Trace = (line: string) => void

/** Answers by operation and status. */
export type Coverage = Map<string, Map<number, number>>

export class Fuzzer {
  readonly operations: readonly Operation[]
  readonly coverage: Coverage
  readonly #wire: Wire
  readonly #judge: Judge
  readonly #requests: fc.Arbitrary<Drawn>
  readonly #operator_key: string
  #cases = 0

  private constructor(target: Target, document: Document) {
    this.operations = operationsOf(document)
    this.coverage = new Map(this.operations.map(({ name }) => [name, new Map()]))
    const { Problem: problem } = document.components.schemas
    if (problem === undefined) throw new Error('the document says nothing of problems')
    this.#judge = new Judge(this.operations, problem)
    this.#requests = requestsOfAll(this.operations)
    this.#wire = new Wire(target.url)
    this.#operator_key = target.operator_key
  }

  static async create(target: Target): Promise<Fuzzer> {
    const response = await fetch(`${target.url}/openapi.json`)
    return new Fuzzer(target, (await response.json()) as Document)
  }

  /** Requests made so far. */
  get cases(): number {
    return this.#cases
  }

  close(): void {
    this.#wire.close()
  }

  /**
   * @param only the number of the one request to make
   * @returns what broke a rule
   */
  async run(seed: number, episode: number, only?: number, trace?: Trace): Promise<Failure[]> {
    const drawn = fc.sample(this.#requests, { seed: seed + episode * 1_000_003, numRuns: EPISODE_CASES })
    const failures: Failure[] = []
    const name = `${seed}-${episode}-${++worlds}`
    let world: World
    try {
      world = await World.create(this.#wire, this.#operator_key, name)
    } catch (error) {
      return [{ seed, episode, number: null, objection: `no world to play in: ${error}` }]
    }
    try {
      const before = await world.theirState()
      for (const [number, one] of drawn.entries()) {
        if (only !== undefined && number !== only) continue
        const request = world.fill(one)
        const found = await this.#try(world, one, request, trace)
        if (found !== null) failures.push({ seed, episode, number, request, ...found })
      }
      const after = await world.theirState()
      const changed = Object.keys(after).filter((path) => after[path] !== before[path])
      for (const path of changed) {
        const change = `before: ${before[path]}\nafter:  ${after[path]}`
        failures.push({ seed, episode, number: null, objection: `the other tenant's ${path} has changed\n${change}` })
      }
    } finally {
      await world.end()
    }
    return failures
  }

  async #try(world: World, { caller }: Drawn, request: Request, trace: Trace | undefined) {
    this.#cases++
    let answer: Answer
    try {
      answer = await this.#wire.send(request)
    } catch (error) {
      return { objection: `no answer: ${error}` }
    }
    trace?.(`${show(request)}\n  -> ${answer.status} ${answer.text.slice(0, 300)}`)
    const { pathname } = new URL(request.path, 'http://postern.test')
    const found = resolvePath(this.operations, request.method, pathname)
    const statuses = this.coverage.get(found?.operation.name ?? '')
    statuses?.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    const objection = this.#judge.objection(world, caller, request, answer)
    if (found !== null && objection === null) world.learn(found.operation, found.params.tenant, answer)
    return objection === null ? null : { objection, answer }
  }
}

/** An episode that is run again needs tenants of other names. */
let worlds = 0

/** A request as one reads it, shortened. */
export function show({ method, path, headers, body }: Request): string {
  const shown = headers.map(([name, value]) => `${name}: ${value.replace(/pst_\w+_\w+/, 'pst_…')}`).join(', ')
  return `${method} ${path.slice(0, 500)}\n  ${shown}\n  ${body === null ? '(no body)' : JSON.stringify(body.toString().slice(0, 1500))}`
}
