/** Who serves and who may call each service: the identities that mutual TLS enforces. */

/**
 * The roles of the platform's processes. A certificate has the URI `spiffe://TRUST_DOMAIN/ROLE` or a path below it.
 */
export const roles = ['coordinator', 'rollout', 'gradient', 'reward', 'gateway', 'client'] as const;

/** See {@link roles}. `client` is a user's command line. */
export type Role = (typeof roles)[number];

/** The two ends of a service. */
interface Ends {
  /** Undefined where several roles serve it. */
  readonly server: Role | undefined;
  readonly clients: readonly Role[];
}

const ends: ReadonlyMap<string, Ends> = new Map<string, Ends>([
  ['gapo.training.v1.TrainingService', { server: 'coordinator', clients: ['gateway', 'client'] }],
  ['gapo.policy.v1.PolicyService', { server: 'coordinator', clients: ['rollout', 'gradient'] }],
  ['gapo.rollout.v1.RolloutService', { server: 'rollout', clients: ['coordinator'] }],
  ['gapo.gradient.v1.GradientService', { server: 'gradient', clients: ['coordinator'] }],
  ['gapo.worker.v1.WorkerService', { server: undefined, clients: ['coordinator'] }],
  ['gapo.reward.v1.RewardService', { server: 'reward', clients: ['coordinator'] }],
]);

/** The trust domain of certificates made by `gapo certs`. */
export const defaultTrustDomain = 'gapo';

/** Returns the identity of a role. */
export function identityOf(role: Role, trustDomain: string): string {
  return `spiffe://${trustDomain}/${role}`;
}

/** The role that serves a service; undefined if several do, or if the service is not part of this platform. */
export function serverRole(service: string): Role | undefined {
  return ends.get(service)?.server;
}

/** The roles that may call a service; undefined for any peer with a valid certificate. */
export function clientRoles(service: string): readonly Role[] | undefined {
  return ends.get(service)?.clients;
}
