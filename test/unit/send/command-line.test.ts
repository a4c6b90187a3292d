import { describe, expect, it } from 'vitest'
import { readCommand } from '../../../scripts/send/command-line.ts'

const URL = 'https://postern.example/in/src_1'

const read = (line: string, env: Record<string, string> = {}) => readCommand(line === '' ? [] : line.split(' '), env)

const sent = (line: string, env: Record<string, string> = {}) => {
  const command = read(line, env)
  if (!command.ok || command.value.kind !== 'send') throw new Error(`sends nothing: ${JSON.stringify(command)}`)
  return command.value
}

const complaint = (line: string) => {
  const command = read(line)
  if (command.ok) throw new Error(`has nothing to complain of: ${JSON.stringify(command)}`)
  return command.error
}

describe('the command line of npm run send', () => {
  it('asks for the providers, for the events of one, or for one event', () => {
    expect(read('')).toEqual({ ok: true, value: { kind: 'providers' } })
    expect(read('stripe')).toEqual({ ok: true, value: { kind: 'events', provider: 'stripe' } })
    expect(sent('stripe invoice.paid')).toEqual({
      kind: 'send',
      provider: 'stripe',
      type: 'invoice.paid',
      to: null,
      own: {},
      id: null,
      count: 1,
      at: null,
      body: null,
      is_forged: false,
      is_dry: false,
      state_dir: '.postern',
    })
  })

  it('says where a source of one’s own is, and what it knows', () => {
    const command = sent(`github push --to ${URL} --secret It's --settings {"a":1} --id 7 --count 3 --body @b --forge`)
    expect(command).toMatchObject({
      to: URL,
      own: { secret: "It's", settings: { a: 1 } },
      id: '7',
      count: 3,
      body: '@b',
    })
    expect(command.is_forged).toBe(true)
    expect(sent(`github push --to ${URL} --secret x --at 2026-11-24T13:00:00+01:00`).at).toEqual(
      new Date('2026-11-24T12:00:00Z'),
    )
  })

  it('takes the secret from the environment, where no list of processes shows it', () => {
    const env = { POSTERN_SEND_SECRET: 'from the environment' }
    expect(sent(`github push --to ${URL}`, env).own).toEqual({ secret: 'from the environment' })
    expect(sent(`github push --to ${URL} --secret typed`, env).own).toEqual({ secret: 'typed' })
    expect(sent('github push', env).own).toEqual({})
  })

  it.each([
    ['strip', 'There is no provider called strip. Is it stripe? npm run send shows them all'],
    ['quxquxqux', 'There is no provider called quxquxqux. npm run send shows them all'],
    ['stripe invoice', 'There is no event of stripe called invoice. Is it invoice.paid? npm run send -- stripe shows'],
    ['stripe __proto__', 'There is no event of stripe called __proto__'],
    ['stripe invoice.paid more', 'more: one event of one provider is sent at a time'],
    ['stripe invoice.paid --secret x', 'say with --to where it is'],
    [`stripe invoice.paid --to ${URL}`, '--to needs --secret'],
    ['stripe invoice.paid --to nowhere', '--to: must be the URL of a source'],
    ['stripe invoice.paid --to file:///etc/passwd', '--to: must be the URL of a source'],
    [`stripe invoice.paid --to ${URL} --settings [1]`, '--settings: must be a JSON object'],
    [`stripe invoice.paid --to ${URL} --credentials {`, '--credentials: must be JSON'],
    ['stripe invoice.paid --count many', '--count: must be a number'],
    ['stripe invoice.paid --count 0', '--count: '],
    ['stripe invoice.paid --at yesterday', '--at: must be a time as RFC 3339 writes it'],
    ['stripe invoice.paid --wat', "Unknown option '--wat'"],
  ])('%s: says what is wrong with it', (line, sentence) => {
    expect(complaint(line)).toContain(sentence)
  })
})
