import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutCredentials } from './redact.js';

test('addresses are shown without user, password, token and query', () => {
  const cases: [string, string][] = [
    ['nats://host:4222', 'nats://host:4222'],
    ['host:4222', 'host:4222'],
    ['nats://[::1]:4222', 'nats://[::1]:4222'],
    ['http://collector:4318/v1/traces', 'http://collector:4318/v1/traces'],
    ['nats://s3cret@host', 'nats://host'],
    ['nats://u:s3cret@a:1,tls://u:s3cret@b', 'nats://a:1,tls://b'],
    ['u:s3cret@host:4222', 'host:4222'],
    ['nats://u:s3/cret@host', 'nats://host'],
    ['nats://u:s3,cret@host', 'nats://host'],
    ['nats://u:s3@cret@host', 'nats://host'],
    ['nats://u:12/cret@host:4222', 'nats://host:4222'],
    ['nats://u:s3cret', 'nats://u:...'],
    ['http://u:s3?cret#x@host/y?key=s3cret', 'http://host/y?...'],
    ['http://host:4318?key=s3cret', 'http://host:4318?...'],
    [':::', ':::'],
    ['', ''],
  ];
  for (const [url, shown] of cases) assert.equal(withoutCredentials(url), shown, url);
});
