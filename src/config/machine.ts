/** Machine and DRAM part files to specifications: `extends`, parts by name, defaults, checks. Pure: where texts come from is the caller's business. */
import type {
  DramControllerSpec,
  DramMemorySpec,
  DramPartSpec,
  InterconnectSpec,
  MachineSpec,
  MemorySpec,
  PrefetchSpec,
  PrivateCacheSpec,
} from '../machine/spec.js';
import { type ConfigDocument, mergeDocuments, parseDocument, placeOf, problemAt } from './document.js';
import { checkMachine, checkMapping, checkPart, describeWatermarks, fieldBits } from './machine-checks.js';
import {
  type DramControllerConfig,
  type DramControllerSettings,
  type DramPartConfig,
  dramControllerSchema,
  dramPartSchema,
  type MachineConfig,
  machineSchema,
} from './machine-schema.js';
import { ConfigurationError, notFound, type Problem } from './problem.js';
import { inspect, type Partially } from './validate.js';

const LINE_BYTES = 64;

/** Kinds of configuration that are found by name. */
export type ConfigKind = 'machine' | 'dram-part' | 'network' | 'sweep';

/** A configuration's text, or the sentence that says why there is none. */
export type SourceResult = { readonly file: string; readonly text: string } | { readonly problem: string };

/** Where configurations come from: the file system in Node (`load.ts`), bundled texts in a browser. */
export interface ConfigSource {
  /**
   * @param reference a name, or a path
   * @param from the file that refers to it, to which a path is relative; absent: the working directory
   */
  find(kind: ConfigKind, reference: string, from?: string): SourceResult;
}

/**
 * Reads a machine by name or path.
 * @throws ConfigurationError with everything that is wrong in the file, in those it extends and in its DRAM part
 */
export function readMachine(reference: string, source: ConfigSource): MachineSpec {
  return machineFromDocument(openMachine(reference, source), source);
}

/**
 * Opens a machine file and lays it over what it extends.
 * @throws ConfigurationError for a missing file, a syntax error, a chain that extends itself
 */
export function openMachine(reference: string, source: ConfigSource): ConfigDocument {
  const found = source.find('machine', reference);
  if ('problem' in found) throw new ConfigurationError([notFound(found.problem)]);
  return extend(parseDocument(found.text, found.file), source, [found.file]);
}

function extend(document: ConfigDocument, source: ConfigSource, chain: readonly string[]): ConfigDocument {
  const base = document.data.extends;
  if (base === undefined) return document;
  const own = without(document, 'extends');
  if (typeof base !== 'string' || base === '') {
    throw new ConfigurationError([
      problemAt(document, ['extends'], 'the name or the path of a machine is expected'),
    ]);
  }
  const found = source.find('machine', base, document.file);
  if ('problem' in found) throw new ConfigurationError([problemAt(document, ['extends'], found.problem)]);
  if (chain.includes(found.file)) {
    throw new ConfigurationError([
      problemAt(document, ['extends'], `extends itself: ${[...chain, found.file].join(' -> ')}`),
    ]);
  }
  return mergeDocuments(extend(parseDocument(found.text, found.file), source, [...chain, found.file]), own);
}

function without(document: ConfigDocument, key: string): ConfigDocument {
  const { [key]: _taken, ...data } = document.data;
  return { ...document, data };
}

/**
 * Holds a machine document, merged with whatever was laid over it, to the schema and to the checks.
 * @throws ConfigurationError with all problems of the machine and of its DRAM part
 */
export function machineFromDocument(document: ConfigDocument, source: ConfigSource): MachineSpec {
  const { problems, partial } = inspect(machineSchema, document);
  const machine = partial as Partially<MachineConfig>;
  const report = (path: readonly (string | number)[], message: string): void => {
    problems.push(problemAt(document, path, message));
  };
  checkMachine(machine, report);

  let part: DramPartSpec | undefined;
  const memory = machine.memory;
  if (memory?.kind === 'dram' && memory.part !== undefined) {
    try {
      const config = readPartConfig(memory.part, source, document);
      part = toPart(config, memory.ranks);
      const ranks = part.ranks;
      if (!Number.isInteger(Math.log2(ranks)))
        report(['memory', 'ranks'], `${ranks} is not a power of two; it is chosen by address bits`);
      else if (memory.controller?.mapping !== undefined)
        checkMapping(memory.controller.mapping, config, ranks, report);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return toMachine(machineSchema.parse(document.data), part);
}

/**
 * Reads a DRAM part by name or path.
 * @throws ConfigurationError with everything that is wrong with it
 */
export function readDramPart(reference: string, source: ConfigSource): DramPartSpec {
  return toPart(readPartConfig(reference, source), undefined);
}

function readPartConfig(reference: string, source: ConfigSource, referrer?: ConfigDocument): DramPartConfig {
  const at = referrer === undefined ? undefined : placeOf(referrer, ['memory', 'part']);
  const found = source.find('dram-part', reference, at?.file);
  if ('problem' in found) {
    const problem: Problem =
      referrer === undefined
        ? notFound(found.problem)
        : problemAt(referrer, ['memory', 'part'], found.problem);
    throw new ConfigurationError([problem]);
  }
  const document = parseDocument(found.text, found.file);
  const { problems, partial } = inspect(dramPartSchema, document);
  checkPart(partial as Partially<DramPartConfig>, (path, message) =>
    problems.push(problemAt(document, path, message)),
  );
  if (problems.length > 0) throw new ConfigurationError(problems);
  return dramPartSchema.parse(document.data);
}

function toPart(part: DramPartConfig, ranks: number | undefined): DramPartSpec {
  return {
    name: part.name,
    tCKps: part.clockPeriod,
    channelBits: part.channelBits,
    ranks: ranks ?? part.ranks,
    bankGroups: part.bankGroups,
    banksPerGroup: part.banksPerGroup,
    rows: part.rows,
    linesPerRow: part.rowBytes / LINE_BYTES,
    timings: part.timings,
  };
}

function toMachine(config: MachineConfig, part: DramPartSpec | undefined): MachineSpec {
  const { core, l1d, l2, llc, socketLink } = config;
  return {
    name: config.name,
    description: config.description,
    sockets: config.sockets,
    coresPerSocket: config.coresPerSocket,
    core: {
      frequencyHz: core.frequency,
      issueWidth: core.issueWidth,
      windowEntries: core.window,
      loadQueueEntries: core.loadQueue,
      storeQueueEntries: core.storeQueue,
      vectorBits: core.vectorBits,
      vectorRegisters: core.vectorRegisters,
      fmaUnits: core.fmaUnits,
      fmaLatencyCycles: core.fmaLatency,
      loadPorts: core.loadPorts,
      storePorts: core.storePorts,
    },
    l1d: toPrivateCache(l1d),
    l2: l2 === null ? null : { ...toPrivateCache(l2), cyclesPerLine: l2.cyclesPerLine },
    llc:
      llc === null
        ? null
        : {
            sliceBytes: llc.sliceCapacity,
            slicesPerSocket: llc.slicesPerSocket,
            ways: llc.ways,
            replacement: llc.replacement,
            latencyPs: llc.latency,
            occupancyPs: llc.occupancy,
            inclusion: llc.inclusion,
            snoopFilterWays: llc.snoopFilterWays,
          },
    prefetch: toPrefetch(config.prefetch),
    interconnect: toInterconnect(config.interconnect),
    socketLink:
      socketLink === null ? null : { latencyPs: socketLink.latency, bytesPerSecond: socketLink.bandwidth },
    memory: toMemory(config.memory, part),
    pagePlacement: config.pagePlacement,
    pageBytes: config.pageSize,
  };
}

function toPrivateCache(cache: MachineConfig['l1d']): PrivateCacheSpec {
  return {
    capacityBytes: cache.capacity,
    ways: cache.ways,
    replacement: cache.replacement,
    latencyCycles: cache.latency,
    mshrs: cache.mshrs,
    sharedBy: cache.sharedBy,
  };
}

function toPrefetch(prefetch: MachineConfig['prefetch']): PrefetchSpec {
  switch (prefetch.kind) {
    case 'none':
      return { kind: prefetch.kind };
    case 'next-line':
      return { kind: prefetch.kind, degree: prefetch.degree, pageBytes: prefetch.page };
    case 'stride': {
      const { kind, index, entries, degree, distance, page } = prefetch;
      return { kind, index, entries, degree, distanceStrides: distance, pageBytes: page };
    }
    case 'streamer': {
      const { kind, streams, degree, distance, page } = prefetch;
      return { kind, streams, degree, distanceLines: distance, pageBytes: page };
    }
  }
}

function toInterconnect(interconnect: MachineConfig['interconnect']): InterconnectSpec {
  const { kind, hop: hopPs, linkBandwidth: linkBytesPerSecond } = interconnect;
  const { columns, rows } = kind === 'mesh' ? interconnect : { columns: 0, rows: 0 };
  return { kind, columns, rows, hopPs, linkBytesPerSecond };
}

function toMemory(memory: MachineConfig['memory'], part: DramPartSpec | undefined): MemorySpec {
  if (memory.kind === 'ideal') {
    const { kind, latency, bandwidth, channelsPerSocket } = memory;
    return { kind, latencyPs: latency, bytesPerSecond: bandwidth, channelsPerSocket };
  }
  if (part === undefined) throw new Error('a DRAM memory without a part passed the checks');
  return {
    kind: 'dram',
    part,
    controller: toDramController(memory.controller, part),
    channelsPerSocket: memory.channelsPerSocket,
    interleaveLines: memory.interleave / LINE_BYTES,
    controllerPs: memory.controllerLatency,
  };
}

/**
 * One channel of a DRAM part by itself, as an experiment runs it: no latency of a controller, no interleaving.
 * @param settings of the controller, as `memory.controller` of a machine file has them: `{ refresh: false, ageLimit: '5000 cycles' }`; the rest has its defaults
 * @throws ConfigurationError with every setting that is wrong
 */
export function dramChannel(part: DramPartSpec, settings: DramControllerSettings = {}): DramMemorySpec {
  // The settings were written in no file: an empty one gives the document its places.
  const { problems, partial } = inspect(dramControllerSchema, { ...parseDocument('{}', ''), data: settings });
  const found = problems.map(({ path, message }) => `${path}: ${message}`);
  const { mapping, writeLowWatermark, writeHighWatermark } = partial as Partially<DramControllerConfig>;
  const watermarks = describeWatermarks(writeLowWatermark, writeHighWatermark);
  if (watermarks !== undefined) found.push(`writeLowWatermark: ${watermarks}`);
  if (mapping !== undefined) {
    checkMapping(mapping, configOf(part), part.ranks, (_path, message) => found.push(`mapping: ${message}`));
  }
  if (found.length > 0)
    throw new ConfigurationError(found.map((problem) => notFound(`controller.${problem}`)));
  return {
    kind: 'dram',
    part,
    controller: toDramController(dramControllerSchema.parse(settings), part),
    channelsPerSocket: 1,
    interleaveLines: 1,
    controllerPs: 0,
  };
}

/** The controller of a part's channel; without a mapping of its own it has the part's (see `defaultMapping`). */
export function toDramController(controller: DramControllerConfig, part: DramPartSpec): DramControllerSpec {
  return {
    readQueueEntries: controller.readQueue,
    writeQueueEntries: controller.writeQueue,
    writeHighWatermark: controller.writeHighWatermark,
    writeLowWatermark: controller.writeLowWatermark,
    rowPolicy: controller.rowPolicy,
    rowHitCap: controller.rowHitCap,
    refresh: controller.refresh,
    mapping: controller.mapping ?? defaultMapping(part),
    ageLimitCycles: controller.ageLimit,
  };
}

/**
 * The mapping of a machine that names none: bank groups lowest (back-to-back bursts at nCCDS), then column, bank, rank and row. Bank group and bank are
 * hashed with the lowest row bits where the row has enough of them, as memory controllers do, so that strides do not meet in one bank.
 */
function defaultMapping(part: DramPartSpec): string {
  const fields = fieldBits(configOf(part), part.ranks);
  const rowBits = Math.log2(part.rows);
  let hashed = 0;
  const elements: string[] = [];
  for (const [field, bits] of fields) {
    if (bits === 0) continue;
    const canHash = (field === 'bank-group' || field === 'bank') && hashed + bits <= rowBits;
    if (!canHash) elements.push(`${field}:${bits}`);
    else {
      elements.push(`${field}:${bits}^row${hashed > 0 ? `+${hashed}` : ''}`);
      hashed += bits;
    }
  }
  return elements.join(' ');
}

/** What of a part its file states in bytes and its specification in lines. */
function configOf(part: DramPartSpec): DramPartSpec & Pick<DramPartConfig, 'rowBytes'> {
  return { ...part, rowBytes: part.linesPerRow * LINE_BYTES };
}
