/** The settings of `make test-cluster`, as environment variables. */
import { z } from '@gapo/service';

/** The settings; an empty variable counts as unset. */
export const settings = z
  .object({
    /** Steps of a run; 0 runs the example as it is. */
    STEPS: z.coerce.number().int().min(0).default(20),
    /** certManager uses the cluster's cert-manager; secrets creates an authority for the test. */
    TLS: z.enum(['secrets', 'certManager', 'insecure']).default('secrets'),
    /** The images' registry. Empty: the images are on the nodes. */
    REGISTRY: z.string().default(''),
    TAG: z.string().default(''),
    /** A values file to use instead of the chart's defaults. */
    VALUES: z.string().optional(),
    KEEP: z.string().optional(),
    /** Ends after the admission of the values files, which an API server without nodes can do. */
    ADMISSION: z.string().optional(),
    /** Strikes runs with faults: `all`, or parts of their names, such as `coordinator,scaled`. */
    FAULTS: z.string().optional(),
    /** How often rollout is scaled from one to three pods and back. */
    SCALES: z.coerce.number().int().min(1).default(3),
    /** Commands that stop and start the node's kubelet and container runtime. */
    NODE_STOP: z.string().optional(),
    NODE_START: z.string().optional(),
    /** Commands that stop and start the API server. */
    API_STOP: z.string().optional(),
    API_START: z.string().optional(),
  })
  .parse(Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== '')));
