import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from './files.js';

test('a file that is not JSON is refused with the place and without its content', () => {
  const places: readonly (readonly [text: string, place: string])[] = [
    ['root:x:0:0:root:/root', 'line 1, column 1'],
    ['{\n  "password": hunter2\n}', 'line 2, column 15'],
    ['{"a": NaN}', 'line 1, column 7'],
    ['{"a": 1} secret', 'line 1, column 10'],
    ['{"a": "b\n"}', 'line 1, column 9'],
    ['{"a": 1,}', 'line 1, column 9'],
    ['', 'line 1, column 1'],
  ];
  for (const [text, place] of places) {
    assert.throws(() => parseJson('config.json', text), { message: `config.json: is not JSON: see ${place}` });
  }
});
