/** `kind: oip`: scores from a model that an inference server hosts. */
import { fileWith, rewardKind } from './rewardKind.js';
import { bearerToken, tokenKeys } from './token.js';

export const oip = rewardKind({
  summary: 'a model behind the Open Inference Protocol over gRPC, as KServe and Triton serve it',
  entry: {
    oip: fileWith('target').describe('the YAML file that describes the model to call'),
    ...tokenKeys,
  },
  settings: { REWARD_TOKEN: bearerToken },
});
