import { z } from '@hono/zod-openapi'
import { time, toTimeOrNull } from '../http/time.ts'
import type { MasterKeysView } from './read-master-keys.ts'

const masterKeySchema = z
  .object({
    id: z.string().openapi({ example: 'k2' }),
    current: z.boolean().openapi({ description: 'Seals whatever is new' }),
    configured: z.boolean().openapi({ description: 'MASTER_KEYS has it; if not, what is under it cannot be opened' }),
    changed: z.boolean().openapi({ description: 'Another key has this id now than when it was first seen' }),
    secrets: z.int().openapi({ description: 'What the database has under it at this moment' }),
    audit_logs: z.int().openapi({ description: 'Audit logs whose newest entry is under it' }),
    removable: z.boolean().openapi({ description: 'Nothing needs it: MASTER_KEYS may go without it' }),
  })
  .openapi('MasterKey')

export const masterKeysSchema = z
  .object({
    data: z.array(masterKeySchema),
    rotation: z.object({
      step: z.enum(['pending', 'reseal', 'tell', 'vouch', 'done', 'refused']).openapi({
        description:
          '`pending`: nobody has looked since MASTER_KEYS changed; `reseal`: the database is being brought under the current key; `tell`: Endpoints are being told; `vouch`: audit logs get an entry under it; `done`; `refused`: the current key is not the one that had its id before',
      }),
      endpoints_told: z.boolean().openapi({ description: 'No Endpoint has a copy under another key than the current' }),
      endpoints_untold: z.int().openapi({ description: 'Endpoints that did not answer, and are asked again' }),
      unsealable: z.int().nullable().openapi({
        description: 'Secrets that no key opens, by the last look through all; null before the first',
      }),
      unsealed: z.int().openapi({ description: 'Header values of before they were sealed' }),
      updated_at: time.nullable(),
    }),
  })
  .openapi('MasterKeys')

export function toMasterKeysJson(view: MasterKeysView): z.output<typeof masterKeysSchema> {
  return {
    data: view.keys.map((key) => ({
      id: key.id,
      current: key.is_current,
      configured: key.is_configured,
      changed: key.is_changed,
      secrets: key.secrets,
      audit_logs: key.audit_logs,
      removable: key.is_removable,
    })),
    rotation: {
      step: view.step,
      endpoints_told: view.is_told,
      endpoints_untold: view.untold,
      unsealable: view.unsealable,
      unsealed: view.plain,
      updated_at: toTimeOrNull(view.updated_at),
    },
  }
}
