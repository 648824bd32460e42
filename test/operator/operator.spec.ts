/**
 * The operator on a real API server, with a real coordinator that trains a tiny policy. Operators have exactly the rights given by the
 * chart. `make test-operator` runs this; no nodes are needed.
 */
import { after, before, describe } from 'node:test';
import { rewardServices } from './rewardServices.js';
import { trainingRuns } from './trainingRuns.js';
import { whyNoCluster, World } from './world.js';

describe('the operator', { skip: whyNoCluster() }, () => {
  let world: World;
  before(async () => {
    world = await World.create();
  });
  after(() => world.remove());

  describe('TrainingRun', () => trainingRuns(() => world));
  describe('RewardService', () => rewardServices(() => world));
});
