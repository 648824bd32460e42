/**
 * The server process of the transfer benchmark: streams two gradients of 40 MB, as a gradient worker does.
 */
import { at } from '@gapo/numeric';
import { chunks, implement, RpcError, serve, toHeader } from '@gapo/rpc';

const objectives = ['helpful', 'harmless'];
const vectorLength = 10_000_000;

const gradients = objectives.map((_, k) =>
  Float32Array.from({ length: vectorLength }, (__, i) => ((i * (k + 3)) % 1009) / 1009 - 0.5),
);
const tensors = gradients.map((data, k) => toHeader(at(objectives, k), [vectorLength], data));

const service = implement('gapo.gradient.v1.GradientService', {
  LogProbs: () => Promise.reject(new RpcError('UNIMPLEMENTED', 'this process serves gradients only')),
  async *ComputeGradients() {
    yield { header: { tensors, parameters: [] } };
    for (const chunk of chunks(gradients)) yield { chunk };
    yield { statistics: { tokens: 1 } };
  },
});

const server = await serve({ address: '127.0.0.1:0', services: [service] });
process.once('disconnect', () => void server.stop());
if (process.send === undefined) throw new Error('the transfer bench forks this process');
process.send(server.address);
