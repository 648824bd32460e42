/** `@gapo/reward-service/testing`, for the tests of other packages: readers for the files of reward services, and the HTTP scorer. */
export { readClassifierConfig } from './onnx/classifierConfig.js';
export { openHttpScorer } from './http/httpScorer.js';
export { httpFile } from './http/protocols/httpFile.js';
export { oipFile } from './oip/oipFile.js';
export { readRemoteFile } from './remote/remoteFile.js';
export { readRules } from './rules/rulesFile.js';
