/** `REWARD_KIND=http`: a server behind HTTP, described by a YAML file. */
import { rewardKinds } from '@gapo/config';
import { hostedKind } from '../hostedKind.js';
import { openHttpScorer } from './httpScorer.js';

export const http = hostedKind(rewardKinds.http, ({ http: path, ...entry }, { REWARD_TOKEN: token }) =>
  openHttpScorer({ path, ...entry, token }),
);
