/** The compose file, parsed for tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectRoot } from './services.js';

/** A service. */
export interface ComposeService {
  image: string;
  profiles?: string[];
  build?: { target: string; dockerfile: string; context: string };
  environment?: Record<string, string>;
  command?: unknown;
  entrypoint?: unknown;
  healthcheck?: { test?: string[]; interval: string; timeout: string };
  depends_on?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  ports?: string[];
  volumes?: (string | { type: string; source: string; target: string })[];
}

/** The folder of the compose file, to which its paths are relative. */
export const composeFolder = join(projectRoot, 'deploy/compose');

/** Its services, by their names, and its volumes. */
export const { services, volumes } = parse(readFileSync(join(composeFolder, 'compose.yaml'), 'utf8'), {
  merge: true,
}) as { services: Record<string, ComposeService>; volumes: Record<string, unknown> };
