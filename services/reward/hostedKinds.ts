/** The registry of the kinds that this service hosts: one line for each declaration of @gapo/config. */
import type { rewardKinds } from '@gapo/config';
import type { HostedKind } from './hostedKind.js';
import { http } from './http/mod.js';
import { oip } from './oip/mod.js';
import { onnx } from './onnx/mod.js';
import { rules } from './rules/mod.js';

/** Every declared kind; the compiler names the one that is missing. */
export const hostedKinds: Readonly<Record<keyof typeof rewardKinds, HostedKind>> = { onnx, rules, http, oip };
