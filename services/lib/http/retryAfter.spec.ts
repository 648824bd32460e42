import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitOf } from './retryAfter.js';

const now = Date.parse('Fri, 06 Mar 2026 10:00:00 GMT');
const wait = (headers: Record<string, string>): number | undefined => waitOf(new Headers(headers), now);

test('Retry-After in seconds, as a date, and in milliseconds', () => {
  assert.equal(wait({ 'retry-after': '2' }), 2000);
  assert.equal(wait({ 'retry-after': ' 0.5 ' }), 500);
  assert.equal(wait({ 'retry-after': 'Fri, 06 Mar 2026 10:00:07 GMT' }), 7000);
  assert.equal(wait({ 'retry-after-ms': '250', 'retry-after': '1' }), 250);
});

test("a date is compared with the server's clock", () => {
  const date = 'Fri, 06 Mar 2026 08:59:30 GMT';
  assert.equal(wait({ 'retry-after': 'Fri, 06 Mar 2026 09:00:00 GMT', date }), 30_000);
});

test('no wait: none, the past, or another text', () => {
  for (const value of ['0', '-5', '', 'soon', '1e9', 'Friday', 'Fri, 06 Mar 2026 09:59:59 GMT', '99999999999999'])
    assert.equal(wait({ 'retry-after': value }), undefined, value);
  assert.equal(wait({}), undefined);
});
