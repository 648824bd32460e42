/** The registry of reward kinds. A kind is a declaration here and a folder in services/reward: see CONTRIBUTING.md. */
import { http } from './http.js';
import { oip } from './oip.js';
import { onnx } from './onnx.js';
import { rules } from './rules.js';

/** Every kind that the reward service hosts, in the order of the documentation. */
export const rewardKinds = { onnx, rules, http, oip };
