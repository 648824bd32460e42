/** What the Helm chart refuses, and that it says why. Needs helm, like chart.spec.ts. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { codeOf } from '../documents.fixture.js';
import { helm, refusal, refusalOn } from './rendered.js';

const skip = helm === undefined ? 'helm is not available: install Go and run `make test-tools`' : false;

describe('invalid values are refused', { skip }, () => {
  const reward = (entry: object): string =>
    `rewards=${JSON.stringify([{ name: 'helpful', kind: 'onnx', model: 'm', ...entry }])}`;
  const cases: [string, string[], RegExp][] = [
    ['an unknown key', ['natsURL="nats://nats:4222"'], /natsURL/],
    ['an unknown key of a service', ['rollout.replica=2'], /replica/],
    ['a word in place of a number', ['rollout.replicas="two"'], /rollout.replicas|\/rollout\/replicas/],
    ['a registry that is no name', ['global.imageRegistry="my registry"'], /imageRegistry/],
    ['no workers', ['gradient.replicas=0'], /gradient.replicas|\/gradient\/replicas/],
    ['a URL of another scheme', ['natsUrl="http://nats:4222"'], /natsUrl/],
    ['a login without a server', ['nats.secret="s"'], /set natsUrl too/],
    ['two servers', ['natsUrl="nats://n:1"', 'nats.urlSecret={"name":"a","key":"b"}'], /natsUrl, not both/],
    ['keys without their secret', ['natsUrl="nats://n:1"', 'nats.keys={"NATS_CREDS":"c"}'], /set nats.secret too/],
    ['an unknown variable of a login', ['nats.keys={"NATS_TOKEN_FILE":"c"}'], /NATS_TOKEN_FILE/],
    ['a classifier without its model', [`rewards=[{"name":"helpful","kind":"onnx"}]`], /model/],
    ['rules with a model', [reward({ kind: 'rules', rules: 'r.yaml' })], /model/],
    ['a model of an inference server without its file', [`rewards=[{"name":"helpful","kind":"oip"}]`], /oip/],
    ['an unknown kind of reward', [reward({ kind: 'python' })], /kind/],
    ['a name that Kubernetes does not allow', [reward({ name: 'Very_Helpful' })], /name/],
    ['an image for a reward of the platform', [reward({ image: 'x:1' })], /image/],
    ['an unknown way to secure services', ['tls.mode="mtls"'], /tls.mode|\/tls\/mode/],
    ['an issuer that is not asked', ['tls.issuerRef={"name":"a"}'], /set tls.mode to certManager/],
    ['root', [`rewards=[{"name":"own","kind":"custom","image":"x:1","runAsUser":0}]`], /runAsUser/],
    [
      'a duplicate name',
      [`rewards=[{"name":"a","kind":"onnx","model":"m"},{"name":"a","kind":"onnx","model":"n"}]`],
      /the name "a" is used twice/,
    ],
    [
      'a duplicate objective',
      [`rewards=[{"name":"a","kind":"onnx","model":"m"},{"name":"b","objective":"a","kind":"onnx","model":"n"}]`],
      /the objective "a" is used twice/,
    ],
    ['a token of a classifier', [reward({ tokenSecret: { name: 'a', key: 'b' } })], /tokenSecret/],
    [
      'two tokens',
      [`rewards=[{"name":"a","kind":"http","http":"a.yaml","tokenEnv":"A","tokenSecret":{"name":"a","key":"b"}}]`],
      /a has tokenSecret beside tokenEnv or tokenFile/,
    ],
    [
      'a reward on the port of the probes',
      ['tls.mode="secrets"', `rewards=[{"name":"own","kind":"custom","image":"x:1","port":50058}]`],
      /reward-own: port 50058 would be that of grpc and of health; choose another/,
    ],
    [
      'metrics on the port of a service',
      ['metrics.enabled=true', 'metrics.port=50050'],
      /coordinator: port 50050 would be that of grpc and of metrics/,
    ],
    ['two sources for the project', ['project.existingClaim="models"', 'project.image="x:1"'], /not both/],
    [
      'two models of one name',
      [`models=[{"name":"m","mountPath":"/m","image":"x:1"},{"name":"m","mountPath":"/n","image":"x:2"}]`],
      /models: the name "m" is used twice/,
    ],
    [
      'two models at one path',
      [`models=[{"name":"m","mountPath":"/m","image":"x:1"},{"name":"n","mountPath":"/m","image":"x:2"}]`],
      /models: n: mountPath \/m is that of m too/,
    ],
    [
      'a claim of no bytes',
      ['coordinator.persistence.size="0Gi"'],
      /coordinator.persistence.size|\/coordinator\/persistence\/size/,
    ],
    ['a model without a source', ['models=[{"name":"m","mountPath":"/m"}]'], /models: m: set existingClaim, image or/],
    ['a route without its Gateway', ['httpRoute.enabled=true'], /httpRoute.parentRefs: name the Gateway/],
    ['a route for gRPC likewise', ['grpcRoute.enabled=true'], /grpcRoute.parentRefs/],
    ['an ingress without hosts', ['ingress.enabled=true'], /ingress.hosts/],
    ['fewer pods than the least', ['rollout.autoscaling={"enabled":true,"minReplicas":5}'], /minReplicas is more/],
    [
      'two ways to scale',
      ['rollout.autoscaling={"enabled":true,"metrics":[{"type":"Resource"}],"triggers":[{"type":"cpu"}]}'],
      /not both/,
    ],
    ['a key without a secret', ['otlpHeadersSecret={"name":"a"}'], /otlpHeadersSecret.key is needed/],
    [
      'credentials without their server',
      ['coordinator.mlflow={"existingSecret":"m"}'],
      /coordinator.mlflow: set url too/,
    ],
    ['servers of no engine', ['rollout.engine.urls=["http://a:1"]'], /set rollout.engine.name to vllm or sglang/],
    ['an engine without servers', ['rollout.engine.name="vllm"'], /rollout.engine.urls: name the servers of vllm/],
    [
      'an engine whose servers see no adapters',
      ['rollout.engine.name="vllm"', 'rollout.engine.urls=["http://a:1"]'],
      /rollout.engine.adapters.existingClaim: name the claim/,
    ],
    [
      'a GPU for workers whose servers have it',
      [
        'rollout.variant="cuda"',
        'rollout.engine={"name":"vllm","urls":["http://a:1"],"adapters":{"existingClaim":"a"}}',
      ],
      /rollout.variant: with engine.name vllm the pods need no GPU/,
    ],
    ['a password in the URL of a server', ['rollout.engine.urls=["http://me:word@a:1"]'], /urls/],
    ['an engine of gradients', ['gradient.engine={"name":"vllm"}'], /engine/],
    ['a policy of no component', ['networkPolicy.extra={"other":{}}'], /other/],
  ];
  for (const [what, settings, message] of cases) {
    test(what, () => assert.match(refusal(...settings) ?? 'accepted', message));
  }

  test('a valid reward is accepted', () => assert.equal(refusal(reward({})), undefined));

  test('the values of the README are accepted', async () => {
    const blocks = (await codeOf('README.md', 'Deploy')).filter(({ language }) => language === 'yaml');
    assert.ok(blocks.length > 0);
    for (const { code } of blocks) {
      const values = Object.entries(parse(code) as object).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      assert.equal(refusal(...values), undefined);
    }
  });
});

describe('a cluster that would silently drop image volumes', { skip }, () => {
  test('is refused, unless the project comes from elsewhere or a user says otherwise', () => {
    assert.match(
      refusalOn('1.34.9') ?? 'accepted',
      /has Kubernetes v1\.34\.9, and mounting an image as a volume needs 1\.35/,
    );
    assert.equal(refusalOn('1.35.0'), undefined);
    assert.equal(refusalOn('1.34.9', 'project.imageVolumes=true'), undefined);
    assert.equal(refusalOn('1.34.9', 'project.existingClaim="models"'), undefined);
    assert.equal(refusalOn('1.34.9', 'project.download.url="https://models.example.org/p.tar.gz"'), undefined);
    const model = 'models=[{"name":"m","mountPath":"/m","image":"m:1"}]';
    assert.match(refusalOn('1.34.9', 'project.existingClaim="models"', model) ?? 'accepted', /image as a volume/);
  });

  test('so is one too old for pods to wait when they end', () => {
    assert.match(refusalOn('1.29.0', 'project.existingClaim="models"') ?? 'accepted', /kubeVersion|incompatible/);
  });
});
