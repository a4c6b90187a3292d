/**
 * JSONata for expressions that come from users: filters and transforms. Expressions are checked
 * when they are saved, and an evaluation is bounded in work and size (`expression-budget.ts`).
 */
import jsonata from 'jsonata'
import {
  chargeStep,
  chargeValue,
  isBuiltin,
  isFunction,
  jsonLength,
  LimitReached,
  metered,
  type Scope,
  SHARED,
  type SharedSteps,
} from './expression-budget.ts'
import { compileLinear } from './linear-regex.ts'
import { err, ok, type Result } from './result.ts'

const SOURCE_LENGTH_MAX = 8192
const RESULT_LENGTH_MAX = 1024 * 1024
/** In a path, a range, or what a function gathers. */
const SEQUENCE_LENGTH_MAX = 10_000
/** Evaluations begun and not ended: nested ones, and the members of an object or array, which JSONata evaluates side by side. */
const PENDING_MAX = 10_000
/** Characters of source whose compiled forms are kept; each takes some hundred times its length in memory. */
const KEPT_LENGTH_MAX = 128 * 1024

/** Their results differ from one evaluation to the next; `$eval` would let text of a message become code. */
const UNAVAILABLE = new Set(['eval', 'now', 'millis', 'random', 'shuffle'])

export interface Expression {
  readonly source: string
  readonly compiled: jsonata.Expression
}

export interface SyntaxProblem {
  message: string
  /** Characters from the start, where known. */
  position: number | null
}

export interface EvaluationProblem {
  reason: LimitReached['reason'] | 'failed'
  message: string
}

/** The least recently used comes first. */
const kept = new Map<string, Expression>()
let kept_length = 0

/**
 * Parses an expression of at most 8 KiB; what was parsed before is remembered. Refuses, besides
 * what is not JSONata: regular expressions that RE2 does not support, and `$eval`, `$now`,
 * `$millis`, `$random` and `$shuffle`.
 */
export function compileExpression(source: string): Result<Expression, SyntaxProblem> {
  const known = kept.get(source)
  if (known !== undefined) {
    kept.delete(source)
    kept.set(source, known)
    return ok(known)
  }
  const compiled = compile(source)
  if (compiled.ok) keep(compiled.value)
  return compiled
}

/**
 * Evaluates over plain JSON; the result is plain JSON too, or undefined when there is none.
 * Functions inside the result are left out, a function as the result is an error.
 * @param shared what this evaluation and others may take together
 */
export async function evaluateExpression(
  { compiled }: Expression,
  input: unknown,
  shared?: SharedSteps,
): Promise<Result<unknown, EvaluationProblem>> {
  try {
    const result: unknown = await compiled.evaluate(input, shared && { [SHARED]: shared })
    if (isFunction(result)) return err({ reason: 'failed', message: 'the result is a function' })
    if (typeof result !== 'object' || result === null) return ok(result)
    if (jsonLength(result) > RESULT_LENGTH_MAX) return err({ reason: 'too_large', message: 'the result is too large' })
    return ok(JSON.parse(JSON.stringify(result, (_key, member) => (isFunction(member) ? undefined : member))))
  } catch (error) {
    return err(toProblem(error))
  }
}

function compile(source: string): Result<Expression, SyntaxProblem> {
  if (source.length > SOURCE_LENGTH_MAX) {
    return err({ message: `the expression is longer than ${SOURCE_LENGTH_MAX} characters`, position: null })
  }
  try {
    const compiled = jsonata(source, { stack: PENDING_MAX, sequence: SEQUENCE_LENGTH_MAX })
    const problem = prepare(compiled)
    return problem === null ? ok({ source, compiled }) : err(problem)
  } catch (error) {
    if (error instanceof RangeError) return err({ message: 'the expression is nested too deep', position: null })
    const { message, position } = error as { message?: string; position?: number }
    return err({ message: message ?? 'the expression cannot be read', position: position ?? null })
  }
}

/** Walks the syntax tree: refuses what cannot be bounded, and meters the rest. */
function prepare(compiled: jsonata.Expression): SyntaxProblem | null {
  const sort_terms = new Set<unknown>()
  for (const node of nodesOf(compiled.ast())) {
    const position = node.position ?? null
    if (node.type === 'regex') {
      const program = compileLinear(node.value as RegExp)
      if (!program.ok) return { message: program.error, position }
    }
    if (node.type === 'variable') {
      const name = String(node.value)
      if (UNAVAILABLE.has(name)) return { message: `$${name} is not available here`, position }
      const builtin = BUILTINS.lookup(name)
      if (isBuiltin(builtin)) compiled.assign(name, metered(name, builtin))
    }
    if (node.type === 'sort') for (const term of node.terms ?? []) sort_terms.add(term.expression)
  }
  // Sorting with `^(…)` takes a square of memory, but at least shows itself in the steps of its terms.
  const entry = (node: unknown, _input: unknown, scope: Scope) => chargeStep(scope, sort_terms.has(node) ? 4 : 1)
  const exit = (_node: unknown, _input: unknown, scope: Scope, value: unknown) => chargeValue(scope, value)
  // Hooks for debuggers and the like (jsonata.js, "evaluate").
  compiled.assign(Symbol.for('jsonata.__evaluate_entry') as unknown as string, entry)
  compiled.assign(Symbol.for('jsonata.__evaluate_exit') as unknown as string, exit)
  return null
}

interface SyntaxNode {
  type?: string
  value?: unknown
  position?: number
  terms?: { expression: unknown }[]
}

/** Every object of the syntax tree, which is a graph: nodes refer to the ancestors that `%` stands for. */
function nodesOf(root: object): Set<SyntaxNode> {
  const nodes = new Set<object>([root])
  for (const node of nodes) {
    for (const member of Object.values(node)) if (typeof member === 'object' && member !== null) nodes.add(member)
  }
  return nodes
}

/** JSONata's own functions: not exported, but the environment of any evaluation knows them. */
const BUILTINS: Scope = (() => {
  let environment: Scope | undefined
  const expression = jsonata('null')
  const entry = (_node: unknown, _input: unknown, scope: Scope) => {
    environment = scope
  }
  expression.assign(Symbol.for('jsonata.__evaluate_entry') as unknown as string, entry)
  void expression.evaluate(null)
  if (environment === undefined) throw new Error('JSONata calls its entry hook before it first waits')
  return environment
})()

function keep(expression: Expression): void {
  kept.set(expression.source, expression)
  kept_length += expression.source.length
  for (const source of kept.keys()) {
    if (kept_length <= KEPT_LENGTH_MAX) return
    kept.delete(source)
    kept_length -= source.length
  }
}

// JSONata's own error codes (jsonata.js, "errorCodes").
const STACK_EXCEEDED = 'D1011'
const RANGE_EXCEEDED = 'D2014'
const SEQUENCE_EXCEEDED = 'D2015'

function toProblem(error: unknown): EvaluationProblem {
  if (error instanceof LimitReached) return { reason: error.reason, message: error.message }
  const { code, message } = error as { code?: string; message?: string }
  if (code === STACK_EXCEEDED)
    return { reason: 'too_deep', message: `more than ${PENDING_MAX} evaluations within each other` }
  if (code === SEQUENCE_EXCEEDED || code === RANGE_EXCEEDED) {
    return { reason: 'too_large', message: `a sequence of more than ${SEQUENCE_LENGTH_MAX} items` }
  }
  if (error instanceof RangeError) {
    // V8 says "Invalid string length" or "Invalid array length" of a value, and else means its stack.
    return { reason: /length/.test(error.message) ? 'too_large' : 'too_deep', message: error.message }
  }
  return { reason: 'failed', message: message ?? String(error) }
}
