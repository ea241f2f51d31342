import { GLOBAL_STREAM, incarnation, MapDigest, parseStreamId, revision } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamView } from './stream-view.ts'

const at = (r: number) => ({ incarnation: incarnation(1), revision: revision(r) })
const change = fc.record({
  key: fc.constantFrom('/node/a', '/node/b', '/node/c'),
  value: fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined }),
})

describe('StreamView', () => {
  it('keeps the records of a plain map and the digest of them counted anew', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 })), (commits) => {
        const view = new StreamView(GLOBAL_STREAM)
        const twin = new Map<string, Uint8Array>()
        for (const [index, changes] of commits.entries()) {
          view.apply(at(index + 1), changes)
          for (const { key, value } of changes) {
            if (value === undefined) twin.delete(key)
            else twin.set(key, value)
          }
        }
        const digest = new MapDigest()
        for (const [key, value] of twin) digest.toggle(key, value)
        expect(new Map(view.records)).toEqual(twin)
        expect(view.digest).toBe(digest.value)
        const other = new StreamView(GLOBAL_STREAM)
        other.reset(view.snapshot())
        expect([other.digest, other.position]).toEqual([view.digest, view.position])
      }),
    )
  })

  it('F1: refuses a position that does not rise', () => {
    const view = new StreamView(GLOBAL_STREAM)
    view.apply(at(5), [])
    expect(() => view.apply(at(5), [])).toThrow('F1')
    expect(() => view.apply(at(4), [])).toThrow('F1')
  })

  it('refuses a snapshot with a wrong digest or of another stream, and stays as it is', () => {
    const view = new StreamView(GLOBAL_STREAM)
    view.apply(at(5), [{ key: '/range/a', value: Buffer.from('1') }])
    const snapshot = view.snapshot()
    expect(() => view.reset({ ...snapshot, digest: '0'.repeat(16) })).toThrow('digest')
    expect(() => view.reset({ ...snapshot, stream: parseStreamId('e.eu-west') })).toThrow('e.eu-west')
    expect(view.position).toEqual(at(5))
  })

  it('gives snapshots that later changes leave alone', () => {
    const view = new StreamView(GLOBAL_STREAM)
    view.apply(at(5), [{ key: '/range/a', value: Buffer.from('1') }])
    const snapshot = view.snapshot()
    view.apply(at(6), [{ key: '/range/a', value: undefined }])
    expect(snapshot.records.size).toBe(1)
  })
})
