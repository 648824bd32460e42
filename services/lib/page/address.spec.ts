/** Addresses of the page: what a link says is what is read from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressOf, linkTo } from '#page/address.js';

test('a link is read as it was written', () => {
  const text = fc.string({ minLength: 1, unit: 'grapheme' });
  fc.assert(
    fc.property(text, fc.constantFrom('', 'why', 'samples'), fc.dictionary(text, text), (run, view, query) => {
      assert.deepEqual(addressOf(linkTo({ run, view, query })), { run, view, query: { ...query } });
    }),
  );
});

test('addresses that people type, and those of earlier releases', () => {
  assert.deepEqual(addressOf(''), { run: '', view: '', query: {} });
  assert.deepEqual(addressOf('#one'), { run: 'one', view: '', query: {} });
  assert.deepEqual(addressOf('#one/why?step=12'), { run: 'one', view: 'why', query: { step: '12' } });
  assert.deepEqual(addressOf('#/plane?x=a%20b'), { run: '', view: 'plane', query: { x: 'a b' } });
  assert.equal(addressOf('#%zz').run, '%zz');
  assert.equal(linkTo({ run: 'one', view: 'why', query: { step: '' } }), '#one/why');
});
