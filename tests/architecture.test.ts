/** The import table of the house, held by a test: which room may know of which. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

const SOURCE = resolve(__dirname, '../src');

type Room = 'domain' | 'ports' | 'schemas' | 'config' | 'workflows' | 'activities' | 'adapters' | 'client' | 'main';

interface Import {
  readonly file: string;
  readonly room: Room;
  readonly target: string;
  readonly targetRoom: Room | 'package' | 'node';
  readonly typeOnly: boolean;
}

/** Rooms that a room may import; what stands behind `types` may be imported as types only. */
const MAY: Readonly<Record<Room, { readonly values: readonly string[]; readonly types: readonly string[] }>> = {
  domain: { values: ['domain'], types: [] },
  ports: { values: ['domain'], types: [] },
  schemas: { values: ['domain', 'schemas', 'ports'], types: [] },
  config: { values: ['domain', 'schemas', 'config', 'ports'], types: [] },
  workflows: { values: ['domain', 'workflows'], types: ['activities'] },
  activities: { values: ['domain', 'schemas', 'ports', 'activities'], types: [] },
  adapters: { values: ['domain', 'ports', 'adapters'], types: [] },
  client: { values: ['domain', 'schemas', 'client', 'workflows'], types: ['ports', 'config', 'activities'] },
  main: {
    values: ['domain', 'ports', 'schemas', 'config', 'workflows', 'activities', 'adapters', 'client', 'main'],
    types: [],
  },
};

/** Packages by room; `node` stands for Node's own modules. A room that is absent may use any. */
const PACKAGES: Partial<Record<Room, RegExp>> = {
  domain: /^$/,
  ports: /^$/,
  schemas: /^(zod|yaml|jsonrepair)$/,
  workflows: /^@temporalio\/(workflow|common)$/,
  activities: /^(@temporalio\/(activity|common|worker)|picomatch|node)$/,
  adapters: /^(?!@temporalio\/)/,
  client: /^(?!@temporalio\/(worker|activity|workflow)$)/,
};

const files = sources(SOURCE);
let imports: readonly Import[];
beforeAll(() => {
  imports = files.flatMap(importsOf);
});

describe('the import table', () => {
  it('is held by every import between rooms', () => {
    const wrong = imports.filter(({ room, targetRoom, typeOnly }) => {
      if (targetRoom === 'package' || targetRoom === 'node') return false;
      const { values, types } = MAY[room];
      return !values.includes(targetRoom) && !(typeOnly && types.includes(targetRoom));
    });
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('keeps packages out of the rooms that must not know them', () => {
    const wrong = imports.filter(({ room, target, targetRoom, typeOnly }) => {
      if (targetRoom !== 'package' && targetRoom !== 'node') return false;
      const allowed = PACKAGES[room];
      const name = targetRoom === 'node' ? 'node' : packageName(target);
      return allowed !== undefined && !allowed.test(name) && !(room === 'client' && typeOnly);
    });
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('lets nothing import the wiring', () => {
    const wrong = imports.filter(({ room, targetRoom }) => targetRoom === 'main' && room !== 'main');
    expect(wrong.map(describeImport)).toEqual([]);
  });
});

describe('the house', () => {
  it('has no file named for what it is made of instead of its topic', () => {
    expect(
      files.filter((file) => /(^|\/)(utils?|helpers?|types|shared|common|misc)(\.ts|\/)/.test(relative(SOURCE, file))),
    ).toEqual([]);
  });

  it('reads the environment in one place', () => {
    const readers = files
      .filter((file) => /process\.env/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(SOURCE, file));
    // The request process is handed its environment by its worker, which took it from the configuration.
    const handed = ['adapters/model/request-process.ts'];
    expect(readers.filter((file) => !file.startsWith('config') && !handed.includes(file))).toEqual([]);
  });

  it('loads the packages of OpenTelemetry only where a receiver is named', () => {
    const loaders = files.filter((file) =>
      /^import (?!type)[^;]*from '(?:@opentelemetry\/|[^']*\/open-telemetry\.js)/m.test(readFileSync(file, 'utf8')),
    );
    expect(loaders.map((file) => relative(SOURCE, file))).toEqual(['adapters/telemetry/open-telemetry.ts']);
  });

  it('has one protobufjs of the major version that the SDK needs at the top', () => {
    const top = JSON.parse(readFileSync(resolve(__dirname, '../node_modules/protobufjs/package.json'), 'utf8')) as {
      version: string;
    };
    expect(top.version).toMatch(/^8\./);
    const nested = readdirSync(resolve(__dirname, '../node_modules/@temporalio')).filter((name) => {
      try {
        return readdirSync(resolve(__dirname, '../node_modules/@temporalio', name, 'node_modules')).includes(
          'protobufjs',
        );
      } catch {
        return false;
      }
    });
    expect(nested).toEqual([]);
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?(?:([^'";]*?)\sfrom\s+)?'([^']+)'/gm);
  const dynamic = text.matchAll(/\b(?:import|require)\('([^']+)'\)/g);
  return [
    ...[...statements].map(([, typed, names, target]) =>
      makeImport(file, target ?? '', typed !== undefined || onlyTypes(names)),
    ),
    ...[...dynamic].map(([, target]) => makeImport(file, target ?? '', false)),
  ];
}

/** `{ type A, type B }` brings in no value either. */
const onlyTypes = (names: string | undefined): boolean =>
  names !== undefined &&
  /^\{[^}]*\}$/.test(names.trim()) &&
  names.replace(/[{}\s]/g, '') !== '' &&
  names
    .replace(/[{}]/g, '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
    .every((name) => name.startsWith('type '));

function makeImport(file: string, target: string, typeOnly: boolean): Import {
  const room = roomOf(file);
  if (!target.startsWith('.')) {
    const isNode = target.startsWith('node:') || builtinModules.includes(target);
    return { file, room, target, targetRoom: isNode ? 'node' : 'package', typeOnly };
  }
  return { file, room, target, targetRoom: roomOf(resolve(dirname(file), target.replace(/\.js$/, '.ts'))), typeOnly };
}

function roomOf(file: string): Room {
  const [first = ''] = relative(SOURCE, file).split('/');
  const name = first.replace(/\.ts$/, '');
  if (
    name === 'domain' ||
    name === 'ports' ||
    name === 'schemas' ||
    name === 'config' ||
    name === 'workflows' ||
    name === 'activities' ||
    name === 'adapters' ||
    name === 'client'
  )
    return name;
  return 'main';
}

const packageName = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
const describeImport = ({ file, target }: Import): string => `${relative(SOURCE, file)} imports ${target}`;
