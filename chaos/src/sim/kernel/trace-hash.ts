/** Two runs of one seed have the same trace: 64 bits of FNV-1a over what happened and when. */
export class TraceHash {
  #low = 0x811c9dc5
  #high = 0x9dc5811c
  readonly #double = new Float64Array(1)
  readonly #words = new Uint32Array(this.#double.buffer)
  readonly #labels = new Map<string, number>()

  event(atMs: number, label: string): void {
    this.#double[0] = atMs
    this.#mix(this.#words[0] ?? 0)
    this.#mix(this.#words[1] ?? 0)
    this.#mix(this.#labelOf(label))
  }

  text(text: string): void {
    this.#mix(hashOf(text))
  }

  get value(): string {
    return hex(this.#high) + hex(this.#low)
  }

  #labelOf(label: string): number {
    let hash = this.#labels.get(label)
    if (hash === undefined) {
      hash = hashOf(label)
      this.#labels.set(label, hash)
    }
    return hash
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193) >>> 0
    this.#high = Math.imul(this.#high ^ this.#low ^ (word >>> 7), 0x85ebca6b) >>> 0
  }
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  return hash
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
