/** Where the Worker spends its time: V8's own sampling profiler, through workerd's inspector. */
import { once } from 'node:events'

/** Samples this often tell functions of a few microseconds apart. */
const SAMPLING_INTERVAL_US = 200

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[]
  samples: number[]
  timeDeltas: number[]
}

export interface Hotspot {
  name: string
  /** Of all time that was not idle: in the function itself. */
  self: number
  /** In the function and what it called, up to the next `await`. */
  total: number
}

/**
 * Profiles the isolate that runs the Worker and its Durable Objects while `work` goes on. `(program)`
 * is what no JavaScript function accounts for: the runtime, SQLite, sockets.
 */
export async function profileWhile(inspector_port: number, work: () => Promise<unknown>): Promise<Hotspot[]> {
  const socket = new WebSocket(`ws://127.0.0.1:${inspector_port}/core:user:postern`)
  await once(socket, 'open')
  let last_id = 0
  const call = (method: string, params: object = {}): Promise<unknown> => {
    const id = ++last_id
    return new Promise((resolve, reject) => {
      const listen = (event: MessageEvent) => {
        const answer = JSON.parse(String(event.data)) as { id?: number; result: unknown; error?: { message: string } }
        if (answer.id !== id) return
        socket.removeEventListener('message', listen)
        if (answer.error === undefined) resolve(answer.result)
        else reject(new Error(`${method}: ${answer.error.message}`))
      }
      socket.addEventListener('message', listen)
      socket.send(JSON.stringify({ id, method, params }))
    })
  }
  try {
    await call('Profiler.enable')
    await call('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US })
    await call('Profiler.start')
    await work()
    const { profile } = (await call('Profiler.stop')) as { profile: CpuProfile }
    return hotspots(profile)
  } finally {
    socket.close()
  }
}

/** Functions by the time that they themselves took, most first. */
function hotspots({ nodes, samples, timeDeltas }: CpuProfile): Hotspot[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const times = new Map<string, { self_us: number; total_us: number }>()
  let busy_us = 0
  for (const [i, id] of samples.entries()) {
    const spent_us = timeDeltas[i] ?? 0
    if (names.get(id) === '(idle)') continue
    busy_us += spent_us
    const seen = new Set<string>()
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const name = names.get(at) ?? '?'
      const time = times.get(name) ?? { self_us: 0, total_us: 0 }
      times.set(name, time)
      if (at === id) time.self_us += spent_us
      if (!seen.has(name)) time.total_us += spent_us
      seen.add(name)
    }
  }
  return [...times]
    .map(([name, { self_us, total_us }]) => ({ name, self: self_us / busy_us, total: total_us / busy_us }))
    .sort((a, b) => b.self - a.self)
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.split('/').at(-1) ?? ''
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`
}
