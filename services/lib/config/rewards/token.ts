/** The credential of kinds that call another server: one for each service. */
import { z } from '@gapo/service';
import { plainFile } from './rewardKind.js';

/** REWARD_TOKEN. */
export const bearerToken = z
  .string()
  .optional()
  .describe('the bearer token, where neither tokenEnv nor tokenFile names one');

/** Keys of an entry of rewards.yaml, of the chart's values, and of the file that describes the server. */
export const tokenKeys = {
  tokenEnv: z
    .string()
    .regex(/^[A-Za-z_]\w*$/)
    .meta({ expected: "an environment variable's name" })
    .optional()
    .describe('the environment variable whose value is sent as the bearer token'),
  tokenFile: plainFile.optional().describe('the file whose content is sent as the bearer token; it may change'),
};
