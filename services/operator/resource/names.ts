/** The names of the custom resources. */

/** The API group of all of them. */
export const group = 'gapo.dev';
/** Its version. */
export const version = 'v1alpha1';

/** The names of one kind of resource. */
export interface ResourceNames {
  readonly kind: string;
  /** As in paths of the API. */
  readonly plural: string;
  readonly singular: string;
  /** As in `kubectl get`. */
  readonly shortNames: readonly string[];
}

export const trainingRuns: ResourceNames = {
  kind: 'TrainingRun',
  plural: 'trainingruns',
  singular: 'trainingrun',
  shortNames: ['trun'],
};

export const rewardServices: ResourceNames = {
  kind: 'RewardService',
  plural: 'rewardservices',
  singular: 'rewardservice',
  shortNames: ['reward'],
};
