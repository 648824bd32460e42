/** The reward service that needs no code: classifiers, rules or calls to another server, by environment variables. */
import { hostRewards } from './host.js';

await hostRewards();
