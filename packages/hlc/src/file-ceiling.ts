import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { decodeSlots, encodeSlot, SLOT_BYTES, SLOTS } from './ceiling-slots.ts'
import { CeilingError } from './errors.ts'
import type { CeilingStore } from './ceiling.ts'
import type { CeilingSlots } from './ceiling-slots.ts'

/**
 * A ceiling in two small files, `<path>.now` of `save` and `<path>.ahead` of `saveAhead`, readable by their user only;
 * the greater counts, so that a save in the background cannot overtake one that did not wait for it. The folder must
 * exist. `<path>.now.tmp` and `<path>.ahead.tmp` are overwritten freely. Throws `CeilingError` on a file that cannot be
 * read, parsed or written.
 *
 * A file is made whole (write, fsync, rename, fsync of the folder) and then overwritten in place, one of its two slots
 * per save, with one fdatasync: that is a fraction of what a rename costs, since no journal of the file system has to be
 * committed. After a crash at any point the greatest value whose save has ended is there, or one that was being saved.
 * No file is a first start: whoever deletes them gives up I30 for the next start. A file of which no slot is whole is
 * damaged, and an error.
 */
export function fileCeiling(path: string): CeilingStore {
  const now = new SlotFile(`${path}.now`)
  const ahead = new SlotFile(`${path}.ahead`)
  return {
    load: () => Math.max(now.load(), ahead.load()),
    save: (ceilingMs) => now.save(ceilingMs),
    saveAhead: (ceilingMs) => ahead.saveAhead(ceilingMs),
  }
}

const NOTHING: CeilingSlots = { ceilingMs: 0, next: 0 }

class SlotFile {
  readonly #path: string
  #slots: CeilingSlots | undefined

  constructor(path: string) {
    this.#path = path
  }

  load(): number {
    this.#slots = this.#read()
    return (this.#slots ?? NOTHING).ceilingMs
  }

  save(ceilingMs: number): void {
    try {
      const slots = (this.#slots ??= this.#read())
      if (slots === undefined) this.#create(ceilingMs)
      else this.#overwrite(ceilingMs, slots)
    } catch (cause) {
      throw cause instanceof CeilingError ? cause : this.#error('write', cause)
    }
    this.#saved(ceilingMs)
  }

  async saveAhead(ceilingMs: number): Promise<void> {
    const slots = this.#slots
    // Once in the life of a folder.
    if (slots === undefined) {
      this.save(ceilingMs)
      return
    }
    try {
      await using file = await open(this.#path, 'r+')
      const { bytesWritten } = await file.write(encodeSlot(ceilingMs), 0, SLOT_BYTES, slots.next * SLOT_BYTES)
      if (bytesWritten !== SLOT_BYTES) throw new Error(`wrote ${bytesWritten} of ${SLOT_BYTES} bytes`)
      await file.datasync()
    } catch (cause) {
      throw this.#error('write', cause)
    }
    this.#saved(ceilingMs)
  }

  /** Only after a save has ended: what was overwritten is then the copy that does not count. */
  #saved(ceilingMs: number): void {
    const { ceilingMs: beforeMs, next } = this.#slots ?? { ceilingMs, next: 0 }
    if (ceilingMs >= beforeMs) this.#slots = { ceilingMs, next: (next + 1) % SLOTS }
  }

  #read(): CeilingSlots | undefined {
    let content: Uint8Array
    try {
      content = readFileSync(this.#path)
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
      throw this.#error('read', cause)
    }
    const slots = content.length === SLOTS * SLOT_BYTES ? decodeSlots(content) : undefined
    if (slots === undefined) throw new CeilingError(`the clock ceiling ${this.#path} is damaged`)
    return slots
  }

  #create(ceilingMs: number): void {
    const draft = `${this.#path}.tmp`
    const file = openSync(draft, 'w', 0o600)
    try {
      writeWhole(file, Buffer.concat([encodeSlot(ceilingMs), encodeSlot(0)]), 0)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, this.#path)
    // Without this the rename itself may be lost in a power cut, and with it the ceiling.
    const folder = openSync(dirname(this.#path), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  }

  #overwrite(ceilingMs: number, slots: CeilingSlots): void {
    const file = openSync(this.#path, 'r+')
    try {
      writeWhole(file, encodeSlot(ceilingMs), slots.next * SLOT_BYTES)
      fdatasyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  #error(what: 'read' | 'write', cause: unknown): CeilingError {
    return new CeilingError(`cannot ${what} the clock ceiling ${this.#path}`, { cause })
  }
}

function writeWhole(file: number, bytes: Uint8Array, at: number): void {
  const written = writeSync(file, bytes, 0, bytes.length, at)
  if (written !== bytes.length) throw new Error(`wrote ${written} of ${bytes.length} bytes`)
}
