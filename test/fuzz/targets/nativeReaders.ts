/** Files read by native libraries in separate processes: tokenizers and ONNX models. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRunConfig } from '@gapo/config';
import { specialToken } from '@gapo/model/testing';
import { DataReader } from '@gapo/run-data';
import { WorkerProcess } from '@gapo/service';
import fc from 'fast-check';
import { project } from '../../platform.fixture.js';
import { damagedBytes } from '../mutations/bytes.js';
import { damagedJson } from '../mutations/json.js';
import type * as tasks from '../nativeTasks.js';
import { type OpenTarget, target } from '../target.js';

const words = ['<unk>', '<s>', '</s>', 'a', 'b', 'c'];
const model = {
  type: 'BPE',
  unk_token: '<unk>',
  vocab: Object.fromEntries(words.map((text, id) => [text, id])),
  merges: [],
};
const tokenizer = {
  version: '1.0',
  added_tokens: words.slice(0, 3).map(specialToken),
  normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Prepend', prepend: 'a' }] },
  pre_tokenizer: { type: 'Split', pattern: { Regex: '\\s+' }, behavior: 'Isolated', invert: false },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
  },
  decoder: { type: 'Fuse' },
  model,
};
const settings = {
  bos_token: '<s>',
  eos_token: { content: '</s>', lstrip: false, special: true },
  added_tokens_decoder: { 3: specialToken('a', 3) },
  additional_special_tokens: ['<x>'],
  model_max_length: 64,
  tokenizer_class: 'PreTrainedTokenizerFast',
  chat_template: "{% for m in messages %}{{ m.role ~ ': ' ~ m.content }}{% endfor %}",
};

export const tokenizers: OpenTarget = async (directory) => {
  const reader = new DataReader({ limitMs: 50_000, stalledMs: 20_000 });
  const config = parseRunConfig(
    'name: a\nsteps: 1\npolicy: { model: . }\ndata: { prompts: a.jsonl }\nobjectives: [{ name: x }]',
    'run.yaml',
    undefined,
  );
  await writeFile(join(directory, 'a.jsonl'), '{"prompt":"a b"}\n{"prompt":"c\\ud800"}\n');
  const seeds = { 'tokenizer.json': JSON.stringify(tokenizer), 'tokenizer_config.json': JSON.stringify(settings) };
  const map = JSON.stringify({ bos_token: '<s>', extra_special_tokens: { image_token: '<img>' } });
  return target(
    fc.oneof(
      damagedJson([seeds['tokenizer.json']]).map((text) => ({ 'tokenizer.json': text })),
      damagedJson([seeds['tokenizer_config.json']]).map((text) => ({ 'tokenizer_config.json': text })),
      damagedJson([map]).map((text) => ({ 'special_tokens_map.json': text })),
      damagedJson(['{"<y>":9}']).map((text) => ({ 'added_tokens.json': text })),
    ),
    async (files) => {
      const whole = { ...seeds, 'special_tokens_map.json': '{}', 'added_tokens.json': '{}' };
      for (const [name, text] of Object.entries({ ...whole, ...files })) await writeFile(join(directory, name), text);
      await reader.read({
        config,
        baseDirectory: directory,
        tokenizer: { directory, options: {} },
        decoder: { context: 64, eosIds: [2], vocabulary: 32 },
      });
    },
    { place: directory, close: async () => reader.close() },
  );
};

export const onnxModels: OpenTarget = async (directory) => {
  const path = join(directory, 'model.onnx');
  const processes = new WorkerProcess<typeof tasks>(new URL('../nativeTasks.js', import.meta.url), {
    idleMs: 60_000,
    memoryMiB: 1024,
  });
  // Its weights are next to it.
  const example = join(project, 'examples/assistant/models/helpful');
  await cp(join(example, 'model.safetensors'), join(directory, 'model.safetensors'));
  const seed = await readFile(join(example, 'model.onnx'));
  return target(
    damagedBytes([seed]),
    async (bytes) => {
      await writeFile(path, bytes);
      await processes.run('open', path);
    },
    { place: path, close: async () => processes.close() },
  );
};
