/** Asks V8's inspector (Chrome DevTools Protocol) how much memory the Worker holds. */

import { once } from 'node:events'

interface Target {
  id: string
  webSocketDebuggerUrl: string
}

interface HeapUsage {
  usedSize: number
  embedderHeapUsedSize: number
  backingStorageSize: number
}

export class Inspector {
  readonly #socket: WebSocket
  #last_id = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
  }

  /**
   * @param port `inspector_port` of a gateway
   * @param worker name of the Worker in wrangler.toml
   */
  static async connect(port: number, worker: string): Promise<Inspector> {
    const response = await fetch(`http://127.0.0.1:${port}/json`)
    const targets = (await response.json()) as Target[]
    const target = targets.find(({ id }) => id === `core:user:${worker}`)
    if (target === undefined) throw new Error(`${worker} is not among ${targets.map(({ id }) => id).join(', ')}`)
    const socket = new WebSocket(target.webSocketDebuggerUrl)
    await once(socket, 'open')
    const inspector = new Inspector(socket)
    await inspector.#call('HeapProfiler.enable')
    return inspector
  }

  /** Bytes that the Worker and its Durable Objects hold after a garbage collection. They share one isolate. */
  async heapBytes(): Promise<number> {
    await this.#call('HeapProfiler.collectGarbage')
    const heap = await this.#call<HeapUsage>('Runtime.getHeapUsage')
    return heap.usedSize + heap.embedderHeapUsedSize + heap.backingStorageSize
  }

  close(): void {
    this.#socket.close()
  }

  #call<Answer>(method: string): Promise<Answer> {
    const id = ++this.#last_id
    return new Promise((resolve, reject) => {
      const listen = (event: MessageEvent) => {
        const message = JSON.parse(String(event.data)) as { id?: number; result: Answer; error?: { message: string } }
        if (message.id !== id) return
        this.#socket.removeEventListener('message', listen)
        if (message.error === undefined) resolve(message.result)
        else reject(new Error(`${method}: ${message.error.message}`))
      }
      this.#socket.addEventListener('message', listen)
      this.#socket.send(JSON.stringify({ id, method }))
    })
  }
}
