/** Calls between the bench and its processes, over Node's own channel. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

type Calls = Record<string, (given: never) => unknown>

interface Call {
  id: number
  name: string
  given: unknown
}

interface Reply {
  id: number
  result?: unknown
  error?: string
}

/** In the child: answers the parent's calls, and ends with it. */
export function serve(calls: Calls): void {
  process.on('message', async ({ id, name, given }: Call) => {
    try {
      process.send?.({ id, result: await calls[name]?.(given as never) } satisfies Reply)
    } catch (error) {
      process.send?.({ id, error: String(error) } satisfies Reply)
    }
  })
  process.once('disconnect', () => process.exit())
}

export type Remote<Served extends Calls> = {
  [Name in keyof Served]: (...given: Parameters<Served[Name]>) => Promise<Awaited<ReturnType<Served[Name]>>>
} & { end(): void }

/** Starts a file of this folder as a process that serves calls. */
export function start<Served extends Calls>(file: string): Remote<Served> {
  const child: ChildProcess = fork(fileURLToPath(new URL(file, import.meta.url)))
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  let last_id = 0
  child.on('message', ({ id, result, error }: Reply) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) call?.resolve(result)
    else call?.reject(new Error(`${file}: ${error}`))
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended`))
  })
  const call = (name: string, given: unknown) =>
    new Promise((resolve, reject) => {
      const id = ++last_id
      waiting.set(id, { resolve, reject })
      child.send({ id, name, given } satisfies Call)
    })
  return new Proxy({} as Remote<Served>, {
    get: (_target, name) => {
      if (typeof name !== 'string' || name === 'then') return undefined
      return name === 'end' ? () => child.disconnect() : (given: unknown) => call(name, given)
    },
  })
}
