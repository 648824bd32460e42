/** Who calls the training service: admitted by tokens and their roles, and recorded with the changes that they make. */
import { trainingRoles, type AccessRole, type AuditEntry, type Authenticator } from '@gapo/access';
import { isLoopback, processSecurity, RpcError, type Admission, type CallContext } from '@gapo/rpc';

const roles: ReadonlyMap<string, AccessRole> = new Map(Object.entries(trainingRoles));

/** Returns what admits a call with the token of a role that its method needs. */
export function trainingAdmission(access: Authenticator): Admission {
  return {
    service: 'gapo.training.v1.TrainingService',
    admit: ({ method, authorization }) => access.require(authorization, roles.get(method) ?? 'admin', method),
  };
}

/**
 * Returns what a coordinator whose callers show tokens serves to everybody who can connect; undefined if that is nothing, or reaches this
 * machine alone. Workers show certificates, no tokens: without TLS nothing tells them from others.
 *
 * @param listen the address, as host:port
 */
export function openToEverybody(listen: string): string | undefined {
  const { files } = processSecurity();
  if (files !== undefined || isLoopback(hostOf(listen))) return undefined;
  return (
    'INSECURE is set: tokens protect gapo.training.v1.TrainingService alone, and cross the network as they are; gapo.policy.v1.PolicyService ' +
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
 * Returns the author of a change: the caller, or where calls need no token the author that the request names, or else where the call
 * comes from.
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
