import { describe, expect, it } from 'vitest'
import { isPermitted, PERMISSIONS, type Permission, TENANT_ROLES } from '../../src/http/permissions.ts'

const ALL = Object.keys(PERMISSIONS) as Permission[]
const held = (role: (typeof TENANT_ROLES)[number]) => ALL.filter((permission) => isPermitted(role, permission))
const changes = (permission: Permission) => !/\.(read|list|get)$/.test(permission)

describe('roles, as the design has them', () => {
  it('are these', () => {
    expect(TENANT_ROLES).toEqual(['admin', 'developer', 'publisher', 'viewer', 'auditor'])
  })

  it('let an operator do everything', () => {
    expect(ALL.filter((permission) => !isPermitted('operator', permission))).toEqual([])
  })

  it.each([
    'tenant.list',
    'tenant.create',
    'tenant.update',
    'tenant.delete',
    'internal_dead_letter.read',
    'internal_dead_letter.redrive',
    'internal_dead_letter.delete',
  ] as const)('leave %s to operators', (permission) => {
    expect(TENANT_ROLES.filter((role) => isPermitted(role, permission))).toEqual([])
  })

  it('let an admin do everything within a tenant', () => {
    const refused = ALL.filter((permission) => !isPermitted('admin', permission))
    expect(refused.every((permission) => /^(tenant|internal_dead_letter)\./.test(permission))).toBe(true)
  })

  it.each(['key.list', 'key.create', 'key.revoke'] as const)('leave %s to admins', (permission) => {
    expect(TENANT_ROLES.filter((role) => isPermitted(role, permission))).toEqual(['admin'])
  })

  it.each([
    'event_type.write',
    'endpoint.write',
    'endpoint.secret.reveal',
    'endpoint.secret.rotate',
    'message.replay',
    'delivery.control',
    'dead_letter.redrive',
  ] as const)('let admins and developers, and nobody else, do %s', (permission) => {
    expect(TENANT_ROLES.filter((role) => isPermitted(role, permission))).toEqual(['admin', 'developer'])
  })

  it('let a publisher publish only', () => {
    expect(held('publisher')).toEqual(['message.publish'])
  })

  it('let a viewer see, and change nothing', () => {
    expect(held('viewer')).toEqual(expect.arrayContaining(['endpoint.read', 'message.read', 'delivery.read']))
    expect(held('viewer').filter(changes)).toEqual([])
  })

  it('let an auditor see nothing but the audit log', () => {
    expect(held('auditor').filter((permission) => !permission.startsWith('audit'))).toEqual([])
  })
})
