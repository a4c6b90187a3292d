/** A connection that is kept alive and carries one request at a time. */
import { connect } from 'node:net'
import { Framing } from './framing.ts'

export interface Connection {
  /** Status of the answer; 0 when the connection broke. */
  request(bytes: string): Promise<number>
  close(): void
}

export async function open(port: number): Promise<Connection> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const framing = new Framing()
  let answer: (status: number) => void = () => {}
  socket.on('data', (bytes) => {
    for (const { head } of framing.push(bytes)) answer(Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)))
  })
  socket.on('error', () => {})
  socket.on('close', () => answer(0))
  return {
    request: (bytes) =>
      new Promise((resolve) => {
        answer = resolve
        if (socket.destroyed) resolve(0)
        else socket.write(bytes, 'latin1')
      }),
    close: () => socket.destroy(),
  }
}
