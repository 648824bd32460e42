// Writes src/gapo_pytorch/release.json: the release and the protocol that the worker speaks, which the coordinator compares with its own.
//   npm run types && npm run build && node engines/pytorch/release.mjs
import { writeFileSync } from 'node:fs';
import { ownProtocol } from '../../services/lib/rpc/dist/mod.js';

const path = new URL('src/gapo_pytorch/release.json', import.meta.url);
writeFileSync(path, `${JSON.stringify(ownProtocol(), null, 2)}\n`);
