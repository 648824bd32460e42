/**
 * Sequence classifiers behind SGLang's native `/classify`, available on servers started with --is-embedding. It returns the
 * numbers of the model's head without an activation. (`/v1/classify` returns their softmax, which is 1 if there is only one
 * label.)
 *
 * https://docs.sglang.io/basic_usage/native_api.html
 */
import { shown } from '@gapo/http';
import { required } from '@gapo/numeric';
import { NoScore } from '@gapo/reward';
import { z } from '@gapo/service';
import { preparing, type RemoteEncoder } from './encodingFile.js';
import type { ProtocolOptions } from './httpFile.js';
import { scoreIn } from './numbers.js';
import { counted, parsed, withParameters, type Protocol } from './protocol.js';

/** Elements are checked one by one, so that a bad one affects only its own item. */
const answered = z.array(z.unknown());
const element = z.looseObject({ embedding: z.unknown() });

export function sglangClassify(options: ProtocolOptions<'sglang-classify'>, encoder: RemoteEncoder): Protocol {
  const { batch, parameters } = options;
  return {
    batch,
    prepare: preparing(encoder),
    request: (items) =>
      withParameters({ input_ids: items.map(({ tokenIds }) => required(tokenIds, 'the token ids')) }, parameters),
    read: (answer, items) => {
      const found = parsed(answered, answer, 'a list of {"embedding": [numbers]}');
      return counted(found, items.length, 'elements').map((each) => {
        const one = element.safeParse(each);
        if (one.success && one.data.embedding !== undefined) return scoreIn(one.data.embedding, options);
        return new NoScore(`the answer for the item is ${shown(each)}; expected {"embedding": [numbers]}`);
      });
    },
  };
}
