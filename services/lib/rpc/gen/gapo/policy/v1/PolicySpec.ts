// Original file: gapo/policy/v1/policy.proto

import type { TrainingModeInput as _gapo_policy_v1_TrainingModeInput, TrainingMode as _gapo_policy_v1_TrainingMode } from '../../../gapo/policy/v1/TrainingMode.js';
import type { ComputationInput as _gapo_policy_v1_ComputationInput, Computation as _gapo_policy_v1_Computation } from '../../../gapo/policy/v1/Computation.js';
import type { LoraExceptionInput as _gapo_policy_v1_LoraExceptionInput, LoraException as _gapo_policy_v1_LoraException } from '../../../gapo/policy/v1/LoraException.js';

/**
 * The frozen model that a policy starts from, and what is trained on top of it. Workers build their graphs from this.
 */
export interface PolicySpecInput {
  /**
   * The model directory (config.json, *.safetensors, tokenizer.json), relative to the worker's model root or absolute.
   */
  'model'?: (string);
  /**
   * SHA-256 (hex) over the directory's weight files. A worker refuses a directory that differs.
   */
  'modelSha256'?: (string);
  /**
   * Which tensors are trained.
   */
  'mode'?: (_gapo_policy_v1_TrainingModeInput);
  /**
   * LoRA rank; 0 in full training.
   */
  'loraRank'?: (number);
  /**
   * LoRA alpha: the adapters' output is scaled by alpha / rank.
   */
  'loraAlpha'?: (number | string);
  /**
   * LoRA targets by Hugging Face module name, for example q_proj or down_proj.
   */
  'loraTargets'?: (string)[];
  /**
   * The number of value heads: one per objective with GAE, none with a critic-free baseline.
   */
  'valueHeads'?: (number);
  /**
   * How workers compute. Unset means that every field is 0.
   */
  'computation'?: (_gapo_policy_v1_ComputationInput | null);
  /**
   * Keys of the model's JSON files to treat as absent.
   */
  'ignoreKeys'?: (string)[];
  /**
   * LoRA targets whose rank or alpha differs from lora_rank and lora_alpha.
   */
  'loraExceptions'?: (_gapo_policy_v1_LoraExceptionInput)[];
}

/**
 * The frozen model that a policy starts from, and what is trained on top of it. Workers build their graphs from this.
 */
export interface PolicySpec {
  /**
   * The model directory (config.json, *.safetensors, tokenizer.json), relative to the worker's model root or absolute.
   */
  'model': (string);
  /**
   * SHA-256 (hex) over the directory's weight files. A worker refuses a directory that differs.
   */
  'modelSha256': (string);
  /**
   * Which tensors are trained.
   */
  'mode': (_gapo_policy_v1_TrainingMode);
  /**
   * LoRA rank; 0 in full training.
   */
  'loraRank': (number);
  /**
   * LoRA alpha: the adapters' output is scaled by alpha / rank.
   */
  'loraAlpha': (number);
  /**
   * LoRA targets by Hugging Face module name, for example q_proj or down_proj.
   */
  'loraTargets': (string)[];
  /**
   * The number of value heads: one per objective with GAE, none with a critic-free baseline.
   */
  'valueHeads': (number);
  /**
   * How workers compute. Unset means that every field is 0.
   */
  'computation': (_gapo_policy_v1_Computation | null);
  /**
   * Keys of the model's JSON files to treat as absent.
   */
  'ignoreKeys': (string)[];
  /**
   * LoRA targets whose rank or alpha differs from lora_rank and lora_alpha.
   */
  'loraExceptions': (_gapo_policy_v1_LoraException)[];
}
