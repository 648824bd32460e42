/** Text classification as served by Text Embeddings Inference: { inputs } → a list of { label, score } for each input. */
import { shown } from '@gapo/http';
import { NoScore } from '@gapo/reward';
import { z } from '@gapo/service';
import type { ProtocolOptions } from './httpFile.js';
import { counted, parsed, scoreOf, withParameters, type Protocol } from './protocol.js';

const prediction = z.looseObject({ label: z.string(), score: z.unknown() });
type Prediction = z.output<typeof prediction>;
const labelList = z.array(prediction);
/** Elements are checked one by one, so that a bad one affects only its own item. */
const predictions = z.array(z.unknown());
const form = 'a list of [{"label", "score"}]';

/** If the request does not say, the server decides, and may cut off the end of a text. */
const truncations = {
  left: { truncate: true, truncation_direction: 'Left' },
  right: { truncate: true, truncation_direction: 'Right' },
  none: { truncate: false },
} as const;

export function textClassification({
  batch,
  label,
  input,
  truncate,
  parameters,
}: ProtocolOptions<'text-classification'>): Protocol {
  const scored = (labels: readonly Prediction[]): number | NoScore => {
    const [first, second] = labels;
    if (first === undefined) return new NoScore('the answer has no labels');
    if (label === undefined && second === undefined) return scoreOf(first.score);
    const names = labels.map((each) => each.label).join(', ');
    if (label === undefined) return new NoScore(`the answer has the labels ${names}: set label to the one to score`);
    const named = labels.find((each) => each.label === label);
    return named === undefined
      ? new NoScore(`the answer has the labels ${names}, but no ${label}`)
      : scoreOf(named.score);
  };
  return {
    batch,
    // raw_scores: logits, whose differences do not vanish near 0 and 1 as they do for probabilities.
    request: (items) =>
      withParameters(
        {
          inputs: items.map(({ prompt, completion }) => (input === 'pair' ? [prompt, completion] : [completion])),
          raw_scores: true,
          ...truncations[truncate],
        },
        parameters,
      ),
    read: (answer, items) => {
      const found = parsed(predictions, answer, form);
      const flat = labelList.safeParse(found);
      // The labels of a single item without a list around them.
      if (items.length === 1 && flat.success && flat.data.length > 1) return [scored(flat.data)];
      return counted(found, items.length, 'predictions').map((each) => {
        const labels = labelList.safeParse(each);
        if (labels.success) return scored(labels.data);
        const best = prediction.safeParse(each);
        if (!best.success)
          return new NoScore(`the answer for the item is ${shown(each)}; expected [{"label", "score"}]`);
        // A transformers pipeline returns only the best label of each input unless all are requested.
        if (label === undefined) return new NoScore(`the answer has the label ${best.data.label} alone, which may be another for other items: set label to the one to score`); // prettier-ignore
        return scored([best.data]);
      });
    },
  };
}
