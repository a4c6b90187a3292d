import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { range, Tenant, usePostern, waitFor } from './harness.ts'

const ENDPOINTS = 60
/** When each of the first runs is killed, after it was asked for. */
const KILLED_AFTER_MS = [0, 15, 50]

const shared = usePostern()

const masterKey = (id: string) => `${id}:${randomBytes(32).toString('base64')}`

interface MasterKeys {
  data: { id: string; secrets: number; configured: boolean; removable: boolean }[]
}

it('a new master key takes everything over through kill -9, and signatures hold without the old one', async () => {
  const { gateway, receiver } = shared
  const [k1, k2] = [masterKey('k1'), masterKey('k2')]
  const deploy = async (MASTER_KEYS: string) => {
    await gateway.kill()
    await gateway.restart({ MASTER_KEYS })
  }
  const secretsUnder = async (id: string) => {
    const { data } = await gateway.operator.get<MasterKeys>('/v1/master-keys')
    return data.find((key) => key.id === id)?.secrets ?? 0
  }
  await deploy(k1)
  const tenant = await Tenant.create(gateway.operator, 'rekeyed')
  const paths = range(ENDPOINTS).map((i) => `/rekeyed-${i}`)
  for (const path of paths) await tenant.endpoint(receiver, path)
  /** Every endpoint gets the message, with a signature that `standardwebhooks` accepts. */
  const deliversToAll = async (when: string) => {
    const { body } = await tenant.publish({ type: 'rekeyed.sent', data: { when } })
    const arrivalAt = (path: string) => receiver.accepted(path).find(({ webhook_id }) => webhook_id === body.id)
    await waitFor(() => paths.every((path) => arrivalAt(path) !== undefined), { limit_ms: 60_000, what: when })
    expect(paths.filter((path) => arrivalAt(path)?.verified !== true)).toEqual([])
  }
  await deliversToAll('before')
  expect(await secretsUnder('k1')).toBe(ENDPOINTS)

  await deploy(`${k2},${k1}`)
  await deliversToAll('with the new key first')
  for (const after_ms of KILLED_AFTER_MS) {
    await gateway.operator.post('/v1/master-keys/rotation')
    await setTimeout(after_ms)
    await deploy(`${k2},${k1}`)
  }
  await deliversToAll('half-way')
  await gateway.operator.post('/v1/master-keys/rotation')
  await waitFor(async () => (await secretsUnder('k1')) === 0, { limit_ms: 30_000, what: 'The end of the rotation' })
  expect(await secretsUnder('k2')).toBe(ENDPOINTS)
  await deliversToAll('after')

  // Against what it says, as not every Endpoint has been told: those ask D1, and try again after half a minute.
  const { data } = await gateway.operator.get<MasterKeys>('/v1/master-keys')
  expect(data.map(({ id, removable }) => [id, removable])).toEqual([
    ['k2', false],
    ['k1', false],
  ])
  await deploy(k2)
  await deliversToAll('without the old key')
})
