/** Runs in the tokenizer thread: items to tokens, for all classifiers of the process. */
import { join } from 'node:path';
import { ModelError, Tokenizer } from '@gapo/model';
import type { ScoreItem } from '@gapo/reward';
import { type Outcome, outcome } from '@gapo/service';
import { type Encoding, type ItemEncoder, itemEncoder } from '../encoding/itemEncoder.js';
import { itemFormOf, readClassifierConfig } from './classifierConfig.js';
import { optionPlace } from './classifierOptions.js';
import { scoringDigest } from './fingerprint.js';

/** Items to encode. */
export interface EncodeTask {
  readonly directory: string;
  readonly items: readonly ScoreItem[];
  /** [1] Shared memory: non-zero once the call is cancelled. */
  readonly cancelled: Int32Array;
}

/** One encoding per item; fewer if the call was cancelled. */
export interface EncodedItems {
  readonly encodings: readonly Encoding[];
  /** The {@link scoringDigest} of the files from which the encoder was created. */
  readonly digest: string;
}

interface Opened {
  readonly encoder: ItemEncoder;
  readonly digest: string;
}

const encoders = new Map<string, Promise<Opened>>();

async function openEncoder(directory: string): Promise<Opened> {
  const config = await readClassifierConfig(directory);
  const { options, optionsPath } = config;
  const tokenizer = await Tokenizer.read(directory, {
    ignoreKeys: options.ignore_keys,
    listedIn: optionPlace(optionsPath, 'ignore_keys'),
    unknownKeys: 'accept',
  });
  if (tokenizer.size > config.vocabulary) {
    throw new ModelError(
      join(directory, 'tokenizer.json'),
      `has token ids up to ${tokenizer.size - 1}, but config.json says vocab_size ${config.vocabulary}; ` +
        'the tokenizer belongs to another model',
    );
  }
  const { form, settings } = itemFormOf(config);
  const encoder = itemEncoder(tokenizer, form, settings, directory);
  return { encoder, digest: await scoringDigest(directory, config) };
}

/** Encodes items in order. */
export function encode({ directory, items, cancelled }: EncodeTask): Promise<Outcome<EncodedItems>> {
  return outcome(async () => {
    let opening = encoders.get(directory);
    if (opening === undefined) {
      opening = openEncoder(directory);
      encoders.set(directory, opening);
      opening.catch(() => encoders.delete(directory));
    }
    const { encoder, digest } = await opening;
    const encodings: Encoding[] = [];
    for (const item of items) {
      if (Atomics.load(cancelled, 0) !== 0) break;
      encodings.push(await encoder.encode(item));
    }
    return { encodings, digest };
  });
}
