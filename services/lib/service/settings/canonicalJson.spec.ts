import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, configSha256 } from './canonicalJson.js';
import { editDistance, nearestKey } from './editDistance.js';
import { hostPort } from './schemas.js';

describe('canonicalJson', () => {
  test('sorts keys at every depth and leaves undefined members out', () => {
    assert.equal(
      canonicalJson({ b: [{ z: 1, a: -0 }], a: undefined, é: 'x', Z: null }),
      '{"Z":null,"b":[{"a":0,"z":1}],"é":"x"}',
    );
  });

  test('does not depend on the order of keys, and can be read back', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false })), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        assert.equal(canonicalJson(value), canonicalJson(reversed));
        assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('refuses values that JSON cannot represent, with their place', () => {
    assert.throws(() => canonicalJson({ a: [1, NaN] }), /^TypeError: \$\.a\[1\]: found NaN, expected a finite number$/);
    assert.throws(() => canonicalJson([undefined]), /\$\[0\]: found undefined/);
    assert.throws(() => canonicalJson({ a: 1n }), /\$\.a: found bigint/);
  });

  test('the hash is SHA-256 of the text', () => {
    // printf '{}' | sha256sum
    assert.equal(configSha256({}), '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });
});

describe('did you mean', () => {
  test('the edit distance is a metric that counts a swap of neighbours as one', () => {
    assert.equal(editDistance('kitten', 'sitting'), 3);
    assert.equal(editDistance('setps', 'steps'), 1);
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const distance = editDistance(a, b);
        assert.equal(distance, editDistance(b, a));
        assert.equal(distance === 0, a === b);
        assert.ok(distance >= Math.abs(a.length - b.length) && distance <= Math.max(a.length, b.length));
      }),
    );
  });

  test('suggests what is near and nothing that is far', () => {
    const known = ['learningRate', 'steps', 'seed'];
    assert.equal(nearestKey('learning_rate', known), 'learningRate');
    assert.equal(nearestKey('step', known), 'steps');
    assert.equal(nearestKey('batch', known), undefined);
  });
});

describe('hostPort', () => {
  test('takes names and addresses with a port, and nothing else', () => {
    for (const good of ['a:1', '127.0.0.1:0', 'reward-helpful.gapo.svc:7000', '[::1]:65535']) {
      assert.equal(hostPort.safeParse(good).success, true, good);
    }
    for (const bad of ['', 'a', ':1', 'a:', 'a:70000', 'http://a:1', 'a b:1', '::1:5', 7001]) {
      assert.equal(hostPort.safeParse(bad).success, false, String(bad));
    }
  });
});
