/** The bindings of wrangler.toml, each behind a point where a fault may strike. */
import type { Bindings } from '../../../src/env.ts'
import type { FaultPlan } from './plan.ts'
import { meet, meetAtOnce, setPlan } from './strike.ts'

/** A binding of the tests alone: a plan that holds from the first moment of the process. */
type Given = Bindings & { FAULTS?: string }

const wrapped = new WeakMap<object, Bindings>()

/** The same wrapper for the same bindings, because Postern keeps what it derives from them. */
export function withFaults(env: Given): Bindings {
  const known = wrapped.get(env)
  if (known !== undefined) return known
  if (env.FAULTS !== undefined && !has_begun) setPlan(JSON.parse(env.FAULTS) as FaultPlan)
  has_begun = true
  const made: Bindings = {
    ...env,
    DB: faultyDatabase(env.DB),
    PAYLOADS: faulty('PAYLOADS', env.PAYLOADS, ['put', 'get']),
    ENDPOINT: faultyObjects('ENDPOINT', env.ENDPOINT),
    QUOTA: faultyObjects('QUOTA', env.QUOTA),
    FANOUT: faulty('FANOUT', env.FANOUT, ['send', 'sendBatch']),
    RETRIES: faulty('RETRIES', env.RETRIES, ['send', 'sendBatch']),
    RELEASES: faulty('RELEASES', env.RELEASES, ['send', 'sendBatch']),
    DEAD_LETTERS: faulty('DEAD_LETTERS', env.DEAD_LETTERS, ['send', 'sendBatch']),
    ATTEMPTS: {
      writeDataPoint: (point) => meetAtOnce('ATTEMPTS', 'writeDataPoint', () => env.ATTEMPTS.writeDataPoint(point)),
    },
  }
  wrapped.set(env, made)
  return made
}

let has_begun = false

type Method = (...given: unknown[]) => Promise<unknown>

/** Every listed method may fail; everything else is the binding's own. */
function faulty<Binding extends object>(name: string, binding: Binding, methods: readonly string[]): Binding {
  return new Proxy(binding, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target)
      if (typeof member !== 'function') return member
      const method: Method = member.bind(target)
      if (typeof key !== 'string' || !methods.includes(key)) return method
      return (...given: unknown[]) => meet(name, key, () => method(...given))
    },
  })
}

/** Every call of an object may fail, whatever it is called. */
function faultyObjects<Namespace extends Bindings['ENDPOINT'] | Bindings['QUOTA']>(
  name: string,
  namespace: Namespace,
): Namespace {
  return new Proxy(namespace, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target)
      if (typeof member !== 'function') return member
      if (key !== 'get') return member.bind(target)
      return (id: DurableObjectId) => faultyStub(name, target.get(id))
    },
  })
}

function faultyStub<Stub extends object>(name: string, stub: Stub): Stub {
  return new Proxy(stub, {
    get(target, key) {
      if (typeof key !== 'string') return Reflect.get(target, key, target)
      // Called on the stub and never detached: its members are made anew by every look at them.
      const called = target as unknown as Record<string, Method>
      return (...given: unknown[]) => meet(name, key, async () => called[key]?.(...given))
    },
  })
}

// A batch wants the statements that the database itself has prepared.
const statements = new WeakMap<D1PreparedStatement, D1PreparedStatement>()

function faultyDatabase(database: D1Database): D1Database {
  return new Proxy(database, {
    get(target, key) {
      if (key === 'prepare') return (sql: string) => faultyStatement(target.prepare(sql))
      if (key === 'batch') {
        return (batch: D1PreparedStatement[]) =>
          meet('DB', 'batch', () => target.batch(batch.map((statement) => statements.get(statement) ?? statement)))
      }
      const member: unknown = Reflect.get(target, key, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

function faultyStatement(statement: D1PreparedStatement): D1PreparedStatement {
  const made = new Proxy(faulty('DB', statement, ['run', 'all', 'first', 'raw']), {
    get(target, key) {
      if (key === 'bind') return (...values: unknown[]) => faultyStatement(statement.bind(...values))
      return Reflect.get(target, key, target)
    },
  })
  statements.set(made, statement)
  return made
}
