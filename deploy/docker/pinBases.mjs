/**
 * Pins the base images: `node deploy/docker/pinBases.mjs [FILE]`, by default docker-bake.hcl. Looks up the digest that a registry has for
 * each name, such as node:20-bookworm-slim, and writes it behind the name.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** NAME:TAG of an image, pinned or not, as the default of a variable that is called ..._IMAGE. */
const pinned = /(variable "\w+_IMAGE" \{ default = ")([^"@]+)(?:@sha256:[0-9a-f]{64})?"/g;

/**
 * The digest of an image's manifest, or of the list of manifests where it has several platforms.
 *
 * @throws Error where the registry does not have the image
 */
function digestOf(image) {
  const args = ['buildx', 'imagetools', 'inspect', image, '--format', '{{json .Manifest}}'];
  const { digest } = JSON.parse(
    execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  return digest;
}

const [file = 'docker-bake.hcl'] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const updated = text.replaceAll(pinned, (_, before, image) => {
  const digest = digestOf(image);
  console.log(`${image} ${digest}`);
  return `${before}${image}@${digest}"`;
});
writeFileSync(file, updated);
