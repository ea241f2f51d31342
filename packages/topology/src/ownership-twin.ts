import type { ErrorCode } from './errors.ts'
import { EMPTY_KEY } from './key.ts'
import type { Key } from './key.ts'
import type { TransferCommand } from './ownership-moves.ts'
import type { OwnershipCommand } from './ownership.ts'

/** One key and what holds for it; `start`: a range starts here. */
export interface Cell {
  readonly key: Key
  start: boolean
  owner: string
  standbys: string
  generation: bigint
  status: string
  /** The transfer under way; empty for none. */
  transfer: string
}

/**
 * The naive twin of `decideOwnership`: every key of a small alphabet with its own copy of the facts, changed one by
 * one. It has no intervals, ids, records or transactions.
 */
export class OwnershipTwin {
  readonly #alphabet: readonly Key[]
  cells: Cell[] = []

  constructor(alphabet: readonly Key[]) {
    this.#alphabet = alphabet
  }

  /** Changes the cells and gives undefined, or changes nothing and gives the code of the refusal. */
  apply(command: OwnershipCommand): ErrorCode | undefined {
    const before = structuredClone(this.cells)
    const refused = this.#try(command)
    if (refused !== undefined) this.cells = before
    return refused
  }

  /** The keys of the range that `key` is in. */
  #rangeOf(key: Key): Cell[] {
    const place = this.cells.findIndex((cell) => cell.key === key)
    let from = place
    while (this.cells[from]?.start === false) from -= 1
    let to = place + 1
    while (this.cells[to]?.start === false) to += 1
    return this.cells.slice(from, to)
  }

  #cell(key: Key): Cell | undefined {
    return this.cells.find((cell) => cell.key === key)
  }

  #try(command: OwnershipCommand): ErrorCode | undefined {
    if (command.kind === 'create-keyspace') {
      if (this.cells.length > 0) return 'KEYSPACE_EXISTS'
      const facts = {
        owner: command.owner,
        standbys: command.standbys.join(),
        generation: 1n,
        status: 'vacant',
        transfer: '',
      }
      this.cells = this.#alphabet.map((key) => ({ key, start: key === EMPTY_KEY, ...facts }))
      return undefined
    }
    if (this.cells.length === 0) return 'KEYSPACE_UNKNOWN'
    for (const belief of command.expected ?? []) {
      const cell = this.#cell(belief.start)
      if (cell?.start !== true || cell.generation !== belief.generation) return 'GENERATION_MISMATCH'
    }
    switch (command.kind) {
      case 'split':
        return this.#split(command.at)
      case 'merge':
        return this.#merge(command.at)
      case 'assign':
        // In key order, because the first refusal is the one that is told.
        for (const { start, owner, standbys } of command.assignments.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
          const refused = this.#assign(start, owner, standbys.join())
          if (refused !== undefined) return refused
        }
        return undefined
      case 'activate':
        for (const start of command.starts) {
          if (this.#cell(start)?.start !== true) return 'RANGE_UNKNOWN'
          for (const cell of this.#rangeOf(start)) if (cell.status === 'vacant') cell.status = 'active'
        }
        return undefined
      case 'take-over': {
        const takes = command.takes.map(({ start, target }) => [this.#cell(start), target] as const)
        if (takes.some(([cell]) => cell?.start !== true)) return 'RANGE_UNKNOWN'
        for (const [cell, target] of takes) {
          const refused = cell === undefined ? 'RANGE_UNKNOWN' : this.#take(cell, command.from, target)
          if (refused !== undefined) return refused
        }
        return undefined
      }
      case 'set-policy':
        return this.#cell(command.start)?.start === true ? 'INVALID_ARGUMENT' : 'RANGE_UNKNOWN'
      default:
        return this.#transfer(command)
    }
  }

  #take(cell: Cell, from: string, target: string): ErrorCode | undefined {
    if (cell.owner !== from) return 'OWNERS_DIFFER'
    const standbys = cell.standbys.split(',')
    if (!standbys.includes(target)) return 'INVALID_ARGUMENT'
    const left = standbys.filter((name) => name !== target)
    for (const each of this.#rangeOf(cell.key)) {
      each.owner = target
      each.standbys = [...left, from].join()
      each.generation += 1n
      each.status = each.status === 'vacant' ? 'vacant' : 'active'
      each.transfer = ''
    }
    return undefined
  }

  #transfer(command: TransferCommand): ErrorCode | undefined {
    const first = this.#cell(command.start)
    if (first?.start !== true) return 'RANGE_UNKNOWN'
    const standbys = first.standbys.split(',').filter(Boolean)
    const next: Partial<Cell> = {}
    if (command.kind === 'begin-transfer') {
      if (first.status === 'vacant') return 'RANGE_NOT_ACTIVE'
      if (first.status !== 'active') return 'RANGE_BUSY'
      if (first.owner === command.target) return 'INVALID_ARGUMENT'
      if (!standbys.includes(command.target)) standbys.push(command.target)
      Object.assign(next, { status: 'moving', transfer: command.transfer, standbys: standbys.join() })
    } else {
      if (first.transfer !== command.transfer) return 'TRANSFER_ENDED'
      if (command.kind === 'freeze-transfer') next.status = 'frozen'
      else {
        Object.assign(next, { status: 'active', transfer: '' })
        if (command.kind === 'commit-transfer') {
          if (first.status === 'moving') return 'RANGE_BUSY'
          if (!standbys.includes(command.target)) return 'INVALID_ARGUMENT'
          standbys[standbys.indexOf(command.target)] = first.owner
          Object.assign(next, {
            owner: command.target,
            standbys: standbys.join(),
            generation: first.generation + 1n,
          })
        }
      }
    }
    for (const each of this.#rangeOf(command.start)) Object.assign(each, next)
    return undefined
  }

  #split(at: readonly Key[]): ErrorCode | undefined {
    for (const key of at.toSorted()) {
      const [cell] = this.#rangeOf(key)
      if (cell?.transfer !== '') return 'RANGE_BUSY'
      if (this.#cell(key)?.start === true) return 'RANGE_EMPTY'
    }
    const raised = new Set<Cell>()
    for (const key of at) for (const cell of this.#rangeOf(key)) raised.add(cell)
    for (const key of at) {
      const cell = this.#cell(key)
      if (cell === undefined || cell.start) return 'RANGE_EMPTY'
      cell.start = true
    }
    for (const cell of raised) cell.generation += 1n
    return undefined
  }

  #merge(at: Key): ErrorCode | undefined {
    const cell = this.#cell(at)
    if (cell?.start !== true) return 'RANGE_UNKNOWN'
    const before = this.cells[this.cells.indexOf(cell) - 1]
    if (before === undefined) return 'NOT_ADJACENT'
    if (before.owner !== cell.owner) return 'OWNERS_DIFFER'
    if (before.transfer !== '' || cell.transfer !== '') return 'RANGE_BUSY'
    if (before.status !== cell.status) return 'RANGE_BUSY'
    const { standbys } = before
    const generation = 1n + (before.generation > cell.generation ? before.generation : cell.generation)
    cell.start = false
    for (const each of this.#rangeOf(at)) Object.assign(each, { standbys, generation })
    return undefined
  }

  #assign(start: Key, owner: string, standbys: string): ErrorCode | undefined {
    const first = this.#cell(start)
    if (first?.start !== true) return 'RANGE_UNKNOWN'
    if (first.owner === owner && first.standbys === standbys) return undefined
    if (first.transfer !== '') return 'RANGE_BUSY'
    if (first.status === 'active' && first.owner !== owner) return 'RANGE_NOT_VACANT'
    const generation = first.generation + (first.owner === owner ? 0n : 1n)
    for (const cell of this.#rangeOf(start)) Object.assign(cell, { owner, standbys, generation })
    return undefined
  }
}
