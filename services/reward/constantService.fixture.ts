/** The reward service with one more kind: one line in the registry. */
import { constant } from './constantKind.fixture.js';
import { hostRewards } from './host.js';
import { hostedKinds } from './hostedKinds.js';

await hostRewards({ ...hostedKinds, constant });
