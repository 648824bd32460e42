/** `kind: http`: scores from a server over HTTP. */
import { bearerToken } from './bearerToken.js';
import { fileWith, rewardKind } from './rewardKind.js';

export const http = rewardKind({
  summary: "a server behind HTTP: OpenRLHF's remote reward, a text classifier, a chat model as a judge",
  entry: { http: fileWith('protocol').describe('the YAML file that describes the server to call') },
  settings: { REWARD_TOKEN: bearerToken },
});
