/** The events that a training run reports. */
import type { Update } from './descent.js';

/** An event; `Result` is the part of the end event that depends on the kind of training. */
export type TrainingEvent<Result> =
  /** Something about the model that the user should know. */
  | { readonly event: 'note'; readonly text: string }
  | {
      readonly event: 'start';
      /** The total number of updates. */
      readonly updates: number;
      /** Updates that an earlier process made. */
      readonly done: number;
      /** Training examples. */
      readonly examples: number;
      readonly heldOut: number;
      /** Elements of the trained tensors. */
      readonly parameters: number;
    }
  | ({ readonly event: 'update' } & Update)
  | { readonly event: 'heldOut'; readonly update: number; readonly loss: number }
  | ({
      readonly event: 'end';
      /** False if it was asked to stop. */
      readonly finished: boolean;
      readonly updates: number;
    } & Result);
