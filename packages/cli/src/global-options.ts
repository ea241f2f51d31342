import { join } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { isAddress, MeridianError, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { durationMs } from './duration.ts'

const TIMEOUT_MS_DEFAULT = 30_000

/** What every command takes, before or after its own name. */
export interface GlobalOptions {
  /** Folder of the world: where its `world.json` is looked for. */
  readonly data: string
  readonly region: RegionId | undefined
  /** Region servers to ask instead of those of the world; empty: discover them. */
  readonly servers: readonly string[]
  readonly nats: readonly string[]
  /** Patience for one request. */
  readonly timeoutMs: number
  readonly json: boolean
  readonly color: boolean
  readonly quiet: boolean
  readonly debug: boolean
}

export type Environment = Readonly<Record<string, string | undefined>>

/** As commander hands them over. */
interface RawOptions {
  readonly data?: string
  readonly region?: RegionId
  readonly server?: readonly string[]
  readonly nats?: readonly string[]
  readonly timeout?: number
  readonly json?: boolean
  readonly color?: boolean
  readonly quiet?: boolean
  readonly debug?: boolean
}

export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option('--data <dir>', 'folder of the world (MERIDIAN_DATA; else .meridian/world)'))
    .addOption(new Option('--region <id>', 'the region to work from; default: the first one').argParser(regionId))
    .addOption(new Option('--server <host:port>', 'ask this region server, not the world (repeat)').argParser(server))
    .addOption(new Option('--nats <url>', 'follow the map over this NATS server (repeat)').argParser(nats))
    .addOption(new Option('--timeout <duration>', 'patience for a request: 30s, 250ms').argParser(durationMs))
    .addOption(new Option('--json', 'one JSON document on stdout, errors too'))
    .addOption(new Option('--no-color', 'no colors (also NO_COLOR, or when not on a terminal)'))
    .addOption(new Option('--quiet', 'nothing on stderr but errors'))
    .addOption(new Option('--debug', 'what went on, and stack traces, on stderr'))
}

export function globalOptions(raw: RawOptions, env: Environment): GlobalOptions {
  return {
    data: raw.data ?? env['MERIDIAN_DATA'] ?? join(env['MERIDIAN_HOME'] ?? '.', '.meridian', 'world'),
    region: raw.region,
    servers: raw.server ?? [],
    nats: raw.nats ?? [],
    timeoutMs: raw.timeout ?? TIMEOUT_MS_DEFAULT,
    json: raw.json ?? false,
    color: (raw.color ?? true) && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    quiet: raw.quiet ?? false,
    debug: raw.debug ?? false,
  }
}

function server(text: string, before: readonly string[] = []): readonly string[] {
  if (isAddress(text)) return [...before, text]
  throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no server: write HOST:PORT`)
}

function nats(text: string, before: readonly string[] = []): readonly string[] {
  if (URL.canParse(text) && ['nats:', 'tls:'].includes(new URL(text).protocol)) return [...before, text]
  throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no NATS server: write nats://HOST:PORT`)
}
