import { describe, expect, it } from 'vitest'
import {
  isPermitted,
  isSensitive,
  PERMISSIONS,
  type Permission,
  permissionsOf,
  type Role,
  TENANT_ROLES,
} from '../../src/http/permissions.ts'

const ALL = Object.keys(PERMISSIONS) as Permission[]
const may = (role: Role, permission: Permission) => isPermitted({ role, scopes: null }, permission)
const held = (role: Role) => ALL.filter((permission) => may(role, permission))
const changes = (permission: Permission) => !/\.(read|list|get)$/.test(permission)

describe('roles, as the design has them', () => {
  it('are these', () => {
    expect(TENANT_ROLES).toEqual(['admin', 'developer', 'publisher', 'viewer', 'auditor'])
  })

  it('let an operator do everything', () => {
    expect(ALL.filter((permission) => !may('operator', permission))).toEqual([])
  })

  it.each([
    'tenant.list',
    'tenant.create',
    'tenant.update',
    'tenant.delete',
    'internal_dead_letter.read',
    'internal_dead_letter.redrive',
    'internal_dead_letter.delete',
    'operator_key.list',
    'operator_key.get',
    'operator_key.create',
    'operator_key.update',
    'operator_key.rotate',
    'operator_key.revoke',
    'metrics.read',
    'master_key.read',
    'master_key.rotate',
  ] as const)('leave %s to operators', (permission) => {
    expect(TENANT_ROLES.filter((role) => may(role, permission))).toEqual([])
  })

  it('let an admin do everything within a tenant', () => {
    const refused = ALL.filter((permission) => !may('admin', permission))
    expect(
      refused.every((permission) =>
        /^(tenant|internal_dead_letter|operator_\w+|master_key|metrics)\./.test(permission),
      ),
    ).toBe(true)
  })

  it.each(['key.list', 'key.get', 'key.create', 'key.update', 'key.rotate', 'key.revoke'] as const)(
    'leave %s to admins',
    (permission) => {
      expect(TENANT_ROLES.filter((role) => may(role, permission))).toEqual(['admin'])
    },
  )

  it.each([
    'event_type.write',
    'endpoint.write',
    'endpoint.secret.reveal',
    'endpoint.secret.rotate',
    'source.write',
    'source.secret.rotate',
    'message.replay',
    'delivery.control',
    'dead_letter.redrive',
  ] as const)('let admins and developers, and nobody else, do %s', (permission) => {
    expect(TENANT_ROLES.filter((role) => may(role, permission))).toEqual(['admin', 'developer'])
  })

  it('let a publisher publish only', () => {
    expect(held('publisher')).toEqual(['message.publish'])
  })

  it('let a viewer see, and change nothing', () => {
    expect(held('viewer')).toEqual(
      expect.arrayContaining(['endpoint.read', 'source.read', 'message.read', 'delivery.read']),
    )
    expect(held('viewer').filter(changes)).toEqual([])
  })

  it('let an auditor see nothing but the audit log, and enrol itself', () => {
    expect(held('auditor').filter((permission) => !/^(audit|key\.totp\.)/.test(permission))).toEqual([])
  })
})

describe('a grant that could do something sensitive', () => {
  it.each([
    ['operator', null, true],
    ['admin', null, true],
    ['developer', null, true],
    ['auditor', null, true],
    ['publisher', null, false],
    ['viewer', null, false],
    ['developer', ['endpoint.write', 'message.publish'], false],
    ['developer', ['endpoint.write', 'dead_letter.redrive'], true],
    ['viewer', ['endpoint.secret.reveal'], false],
    ['operator', ['tenant.list'], false],
  ] as [Role, Permission[] | null, boolean][])('%s with %s: %s', (role, scopes, expected) => {
    expect(isSensitive({ role, scopes })).toBe(expected)
  })
})

describe('scopes', () => {
  it('leave of a role just what they name', () => {
    expect(permissionsOf({ role: 'viewer', scopes: ['message.read'] })).toEqual(['message.read'])
    expect(permissionsOf({ role: 'operator', scopes: ['tenant.list'] })).toEqual(['tenant.list'])
  })

  it.each([...TENANT_ROLES, 'operator'] as const)('never add to what the role %s holds', (role) => {
    for (const permission of ALL) {
      expect(permissionsOf({ role, scopes: [permission] })).toEqual(may(role, permission) ? [permission] : [])
    }
    expect(permissionsOf({ role, scopes: ALL })).toEqual(held(role))
  })

  it('that are none leave nothing', () => {
    expect(permissionsOf({ role: 'operator', scopes: [] })).toEqual([])
  })
})
