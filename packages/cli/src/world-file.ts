import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isAddress, MeridianError, nodeId, regionId } from '@meridian/topology'
import type { NodeId, RegionId } from '@meridian/topology'

/** Largest `world.json` that is read, bytes: a hundred regions of a hundred nodes are well below. */
const WORLD_BYTES_MAX = 1024 * 1024

export interface WorldNode {
  readonly id: NodeId
  readonly zone: string
  /** `host:port` of its data API. */
  readonly address: string
}

export interface WorldRegion {
  readonly id: RegionId
  readonly displayName: string
  /** `host:port` of the region's servers. */
  readonly servers: readonly string[]
  /** `nats://host:port` of the region's bus. */
  readonly nats: readonly string[]
  /** How names are resolved from within this region, host to IP address. */
  readonly hosts: Readonly<Record<string, string>>
  /** `host:port` of the HTTP CONNECT proxy for everything else; null: dial directly. */
  readonly proxy: string | null
  readonly nodes: readonly WorldNode[]
}

/** What a running world tells its clients about itself, in `<data>/world.json`. */
export interface World {
  readonly version: 1
  /** The process that keeps the world up. */
  readonly pid: number
  /** At least one; the first is where a client is unless told otherwise. */
  readonly regions: readonly WorldRegion[]
}

export function worldFilePath(data: string): string {
  return resolve(data, 'world.json')
}

/** @throws MeridianError UNAVAILABLE when there is none, CONFIG_INVALID when it makes no sense */
export async function readWorldFile(data: string): Promise<World> {
  const path = worldFilePath(data)
  let text: string
  try {
    const { size } = await stat(path)
    if (size > WORLD_BYTES_MAX) throw invalid(path, `it has ${size} bytes of at most ${WORLD_BYTES_MAX}`)
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof MeridianError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new MeridianError('UNAVAILABLE', `no world here: ${path} is missing; start one with: meridian up`, {
        details: { path },
        cause: error,
      })
    }
    throw new MeridianError('UNAVAILABLE', `${path} cannot be read: ${(error as Error).message}`, {
      details: { path },
      cause: error,
    })
  }
  return parseWorld(text, path)
}

/** Unknown fields are passed over: a newer program may write more. */
export function parseWorld(text: string, path: string): World {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid(path, (error as Error).message)
  }
  const at = new Field(path, 'the file', value)
  const version = at.get('version').value
  if (version !== 1) throw invalid(path, `version is ${JSON.stringify(version)}, and this program reads version 1`)
  const regions = at.get('regions').list().map(parseRegion)
  if (regions.length === 0) throw invalid(path, 'regions is empty')
  return { version, pid: at.get('pid').processId(), regions }
}

function parseRegion(at: Field): WorldRegion {
  const proxy = at.get('proxy')
  return {
    id: at.get('id').parsed(regionId),
    displayName: at.get('displayName').text(),
    servers: at
      .get('servers')
      .list()
      .map((each) => each.address()),
    nats: at
      .get('nats')
      .list()
      .map((each) => each.text()),
    hosts: at.get('hosts').texts(),
    proxy: proxy.value === null || proxy.value === undefined ? null : proxy.address(),
    nodes: at.get('nodes').list().map(parseNode),
  }
}

function parseNode(at: Field): WorldNode {
  return { id: at.get('id').parsed(nodeId), zone: at.get('zone').text(), address: at.get('address').address() }
}

function invalid(path: string, what: string): MeridianError {
  return new MeridianError('CONFIG_INVALID', `${path}: ${what}`, { details: { path } })
}

/** A value of the file and where it stands, for complaints. */
class Field {
  readonly value: unknown
  readonly #path: string
  readonly #name: string

  constructor(path: string, name: string, value: unknown) {
    this.#path = path
    this.#name = name
    this.value = value
  }

  get(key: string): Field {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      throw this.#wrong('an object')
    const name = this.#name === 'the file' ? key : `${this.#name}.${key}`
    return new Field(this.#path, name, Object.hasOwn(this.value, key) ? Reflect.get(this.value, key) : undefined)
  }

  list(): Field[] {
    if (!Array.isArray(this.value)) throw this.#wrong('a list')
    return this.value.map((each: unknown, index) => new Field(this.#path, `${this.#name}[${index}]`, each))
  }

  text(): string {
    if (typeof this.value !== 'string') throw this.#wrong('text')
    return this.value
  }

  texts(): Record<string, string> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      throw this.#wrong('an object')
    return Object.fromEntries(Object.keys(this.value).map((key) => [key, this.get(key).text()]))
  }

  address(): string {
    const text = this.text()
    if (!isAddress(text)) throw this.#wrong('host:port')
    return text
  }

  processId(): number {
    if (typeof this.value !== 'number' || !Number.isInteger(this.value) || this.value < 1)
      throw this.#wrong('a process id')
    return this.value
  }

  parsed<T>(parse: (text: string) => T): T {
    const text = this.text()
    try {
      return parse(text)
    } catch (error) {
      throw invalid(this.#path, `${this.#name}: ${(error as Error).message}`)
    }
  }

  #wrong(expected: string): MeridianError {
    return invalid(this.#path, `${this.#name} is no ${expected.replace(/^an? /, '')}`)
  }
}
