/** The credential of kinds that call another server. */
import { z } from '@gapo/service';

/** REWARD_TOKEN. */
export const bearerToken = z.string().optional().describe('the bearer token to send with every request');
