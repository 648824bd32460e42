// Original file: gapo/training/v1/samples.proto

import type { SampleScoreInput as _gapo_training_v1_SampleScoreInput, SampleScore as _gapo_training_v1_SampleScore } from '../../../gapo/training/v1/SampleScore.js';
import type { SampleTokenInput as _gapo_training_v1_SampleTokenInput, SampleToken as _gapo_training_v1_SampleToken } from '../../../gapo/training/v1/SampleToken.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A completion that a step sampled.
 */
export interface SampleInput {
  /**
   * The step.
   */
  'step'?: (number | string | Long);
  /**
   * Which prompt: 16 hexadecimal digits of the SHA-256 of its token ids, the same in all steps and runs with the same tokenizer.
   */
  'promptId'?: (string);
  /**
   * Index of the prompt among those of the step.
   */
  'prompt'?: (number);
  /**
   * Which completion of that prompt, from 0.
   */
  'sample'?: (number);
  /**
   * The prompt's text: the last user turn.
   */
  'promptText'?: (string);
  /**
   * The completion's text, without special tokens. It is what a model wrote: never interpret it.
   */
  'completion'?: (string);
  /**
   * Whether the text of the prompt or of the completion was cut at 16,384 characters.
   */
  'cut'?: (boolean);
  /**
   * Whether it ended with an end-of-sequence token or a stop string; otherwise it reached the length limit.
   */
  'finished'?: (boolean);
  /**
   * Number of tokens, including the one that ended it.
   */
  'tokens'?: (number);
  /**
   * Sum of its tokens' log-probabilities under the policy that sampled it, in nats.
   */
  'logprob'?: (number | string);
  /**
   * One for each objective, in order.
   */
  'scores'?: (_gapo_training_v1_SampleScoreInput)[];
  /**
   * The single advantage for all objectives, if the combination method trains on one; otherwise unset.
   */
  'advantage'?: (number | string);
  /**
   * At most its first 4,096 tokens; only in GetSampleResponse.
   */
  'tokenList'?: (_gapo_training_v1_SampleTokenInput)[];
  /**
   * The preference that the policy was given with the prompt, by objective; empty if it is given none.
   */
  'preference'?: ({[key: string]: number | string});
  '_advantage'?: "advantage";
}

/**
 * A completion that a step sampled.
 */
export interface Sample {
  /**
   * The step.
   */
  'step': (number);
  /**
   * Which prompt: 16 hexadecimal digits of the SHA-256 of its token ids, the same in all steps and runs with the same tokenizer.
   */
  'promptId': (string);
  /**
   * Index of the prompt among those of the step.
   */
  'prompt': (number);
  /**
   * Which completion of that prompt, from 0.
   */
  'sample': (number);
  /**
   * The prompt's text: the last user turn.
   */
  'promptText': (string);
  /**
   * The completion's text, without special tokens. It is what a model wrote: never interpret it.
   */
  'completion': (string);
  /**
   * Whether the text of the prompt or of the completion was cut at 16,384 characters.
   */
  'cut': (boolean);
  /**
   * Whether it ended with an end-of-sequence token or a stop string; otherwise it reached the length limit.
   */
  'finished': (boolean);
  /**
   * Number of tokens, including the one that ended it.
   */
  'tokens': (number);
  /**
   * Sum of its tokens' log-probabilities under the policy that sampled it, in nats.
   */
  'logprob': (number);
  /**
   * One for each objective, in order.
   */
  'scores': (_gapo_training_v1_SampleScore)[];
  /**
   * The single advantage for all objectives, if the combination method trains on one; otherwise unset.
   */
  'advantage'?: (number);
  /**
   * At most its first 4,096 tokens; only in GetSampleResponse.
   */
  'tokenList': (_gapo_training_v1_SampleToken)[];
  /**
   * The preference that the policy was given with the prompt, by objective; empty if it is given none.
   */
  'preference': ({[key: string]: number});
  '_advantage'?: "advantage";
}
