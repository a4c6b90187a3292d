import { unwrap } from '../http/context.ts'
import { defineRoute, jsonAnswer } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { masterKeysSchema, toMasterKeysJson } from './contract.ts'
import { readMasterKeys } from './read-master-keys.ts'
import { requestRotation } from './request-rotation.ts'

const tags = ['Master keys']
const path = '/v1/master-keys'

export const masterKeyRoutes = createRouter()

masterKeyRoutes.openapi(
  defineRoute({
    method: 'get',
    path,
    permission: 'master_key.read',
    tags,
    summary: 'List master keys',
    description: 'What each is still needed for. A key is shown by its id alone.',
    responses: {
      200: jsonAnswer(masterKeysSchema, 'The keys of MASTER_KEYS, and those that something is still under'),
    },
  }),
  async (c) => c.json(toMasterKeysJson(await readMasterKeys(c.var.deps)), 200),
)

masterKeyRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${path}/rotation`,
    permission: 'master_key.rotate',
    step_up: 'always',
    tags,
    summary: 'Rotate the master key now',
    description:
      'Seals everything again under the first of MASTER_KEYS, in the background, without waiting for the cron.',
    responses: { 202: { description: 'It goes on' } },
  }),
  async (c) => {
    unwrap(await requestRotation(c.var.deps))
    return c.body(null, 202)
  },
)
