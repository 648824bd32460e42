/** Who calls the training service: admitted by tokens and their roles, and recorded with the changes that they make. */
import { trainingRoles, type AccessRole, type AuditEntry, type Authenticator } from '@gapo/access';
import { RpcError, type Admission, type CallContext } from '@gapo/rpc';

const roles: ReadonlyMap<string, AccessRole> = new Map(Object.entries(trainingRoles));

/** Returns what admits a call with the token of a role that its method needs. */
export function trainingAdmission(access: Authenticator): Admission {
  return {
    service: 'gapo.training.v1.TrainingService',
    admit: ({ method, authorization }) => access.require(authorization, roles.get(method) ?? 'admin', method),
  };
}

/** Returns the author of a change: the caller, or the author that the request names where calls need no token. */
export function authorOf(named: string, { caller }: CallContext): string {
  return caller?.name ?? (named || 'unknown');
}

/** Returns who makes a change, and from where, for the audit log. */
export function actorOf(named: string, context: CallContext): AuditEntry['by'] {
  const { caller, peer, identity } = context;
  const role = caller && { role: caller.role };
  return { name: authorOf(named, context), ...role, peer, ...(identity !== undefined && { identity }) };
}

/** @throws RpcError PERMISSION_DENIED for a caller with a lower role */
export function requireAdmin({ caller }: CallContext, what: string): void {
  if (caller === undefined || caller.role === 'admin') return;
  throw new RpcError(
    'PERMISSION_DENIED',
    `${what} needs the role admin; the token of ${caller.name} has ${caller.role}`,
  );
}
