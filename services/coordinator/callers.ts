/** Callers of the training service: admitted by token and role, and recorded with the changes that they make. */
import { trainingRoles, type AccessRole, type AuditEntry, type Authenticator } from '@gapo/access';
import { isLoopback, processSecurity, RpcError, type Admission, type CallContext } from '@gapo/rpc';

const roles: ReadonlyMap<string, AccessRole> = new Map(Object.entries(trainingRoles));

/** Returns an admission check that requires a token with the role that the method needs. */
export function trainingAdmission(access: Authenticator): Admission {
  return {
    service: 'gapo.training.v1.TrainingService',
    admit: ({ method, authorization }) => access.require(authorization, roles.get(method) ?? 'admin', method),
  };
}

/**
 * Returns what a coordinator with token authentication still serves to anyone who can connect; undefined if nothing, or if only this
 * machine can reach it. Workers present certificates rather than tokens, so without TLS they cannot be told apart from other callers.
 *
 * @param listen the address, as host:port
 */
export function openToEverybody(listen: string): string | undefined {
  const { files } = processSecurity();
  if (files !== undefined || isLoopback(hostOf(listen))) return undefined;
  return (
    'INSECURE is set: tokens protect only gapo.training.v1.TrainingService, and cross the network unencrypted; gapo.policy.v1.PolicyService ' +
    `gives every policy version to everyone who reaches ${listen}; with TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE, to the workers alone`
  );
}

/** Returns the host of an address with a port. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

/** The longest name that is recorded. */
const longestName = 200;

/**
 * Returns the author of a change: the caller or, if calls need no token, the author named in the request or else the peer's address.
 */
export function authorOf(named: string, { caller, peer }: Pick<CallContext, 'caller' | 'peer'>): string {
  const written = named
    .replaceAll(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, longestName);
  return caller?.name ?? (written || `anonymous from ${hostOf(peer)}`);
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
