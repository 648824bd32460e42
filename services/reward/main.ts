/** The reward service that needs no code: environment variables select classifiers, rules or calls to another server. */
import { hostRewards } from './host.js';

await hostRewards();
