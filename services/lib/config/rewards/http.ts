/** `kind: http`: scores from a server over HTTP. */
import { fileWith, rewardKind } from './rewardKind.js';
import { bearerToken, tokenKeys } from './token.js';

export const http = rewardKind({
  summary: "a server behind HTTP: a classifier (vLLM, SGLang, TEI), OpenRLHF's remote reward, a chat model as a judge",
  entry: {
    http: fileWith('protocol').describe('the YAML file that describes the server to call'),
    ...tokenKeys,
  },
  settings: { REWARD_TOKEN: bearerToken },
});
