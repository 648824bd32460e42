/** The roles of callers. Each includes those before it. */

/**
 * - `viewer` sees runs, their steps and their audit logs;
 * - `operator` creates and changes runs as well;
 * - `admin` also accepts that a run continues from other files than before.
 */
export const accessRoles = ['viewer', 'operator', 'admin'] as const;

/** See {@link accessRoles}. */
export type AccessRole = (typeof accessRoles)[number];

/** A person or program that has shown who it is. */
export interface Caller {
  /** The name of its token, or the subject of the OpenID provider. */
  readonly name: string;
  readonly role: AccessRole;
  /** When its token expires. @default never */
  readonly expires?: Date;
  /** Aborts when its token is taken back. The reason is an RpcError that says so. */
  readonly revoked?: AbortSignal;
}

/** Whether a role may do what another one is needed for. */
export function includesRole(role: AccessRole, needed: AccessRole): boolean {
  return accessRoles.indexOf(role) >= accessRoles.indexOf(needed);
}
