/** The registry of the kinds that this service hosts: one line per declaration in @gapo/config. */
import type { rewardKinds } from '@gapo/config';
import type { HostedKind } from './hostedKind.js';
import { http } from './http/mod.js';
import { oip } from './oip/mod.js';
import { onnx } from './onnx/mod.js';
import { rules } from './rules/mod.js';

/** Every declared kind. The compiler reports a missing one. */
export const hostedKinds: Readonly<Record<keyof typeof rewardKinds, HostedKind>> = { onnx, rules, http, oip };
