import { describe, expect, it } from 'vitest'
import { Gathering } from '../../durable-objects/gathering.ts'

/** A storage whose commits end when the test says so. */
class Storage {
  readonly handled: string[][] = []
  private readonly commits: (() => void)[] = []
  fails = false
  readonly gathering = new Gathering<string, string>(
    (inputs) => {
      if (this.fails) throw new Error('the disk is full')
      this.handled.push([...inputs])
      return inputs.map((input) => `${input} is kept`)
    },
    () => new Promise((resolve) => this.commits.push(resolve)),
  )

  async commit(): Promise<void> {
    this.commits.shift()?.()
    await new Promise(setImmediate)
  }
}

describe('what arrives at an object', () => {
  it('that is idle is handled at once', async () => {
    const storage = new Storage()
    expect(await storage.gathering.add('a')).toBe('a is kept')
    expect(storage.handled).toEqual([['a']])
  })

  it('while a commit is under way is handled together after it, each with its own answer', async () => {
    const storage = new Storage()
    const answers = ['a', 'b', 'c', 'd'].map((input) => storage.gathering.add(input))
    expect(storage.handled).toEqual([['a']])
    await storage.commit()
    expect(storage.handled).toEqual([['a'], ['b', 'c', 'd']])
    expect(await Promise.all(answers)).toEqual(['a is kept', 'b is kept', 'c is kept', 'd is kept'])
  })

  it('after all is done is handled at once again', async () => {
    const storage = new Storage()
    await storage.gathering.add('a')
    await storage.commit()
    void storage.gathering.add('b')
    expect(storage.handled).toEqual([['a'], ['b']])
  })

  it('fails with the call that it shares, and holds up nobody who comes later', async () => {
    const storage = new Storage()
    const first = storage.gathering.add('a')
    storage.fails = true
    const shared = Promise.allSettled([storage.gathering.add('b'), storage.gathering.add('c')])
    await storage.commit()
    expect((await shared).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await first).toBe('a is kept')
    storage.fails = false
    expect(await storage.gathering.add('d')).toBe('d is kept')
  })
})
