/** What a training tells on its way. */
import type { Update } from './descent.js';

/** One thing that happened. `Result` is what a training says at its end, beside whether it is finished. */
export type TrainingEvent<Result> =
  | {
      readonly event: 'start';
      /** Updates in all. */
      readonly updates: number;
      /** Updates that an earlier process made. */
      readonly done: number;
      /** Examples that are trained on. */
      readonly examples: number;
      readonly heldOut: number;
      /** Elements of the trained tensors. */
      readonly parameters: number;
    }
  | ({ readonly event: 'update' } & Update)
  | { readonly event: 'heldOut'; readonly update: number; readonly loss: number }
  | ({
      /** The end; `finished` is false where it was asked to stop. */
      readonly event: 'end';
      readonly finished: boolean;
      readonly updates: number;
    } & Result);
