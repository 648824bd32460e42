/** The no-code reward service: environment variables select classifiers, rules or calls to another server. */
import { hostRewards } from './host.js';

await hostRewards();
