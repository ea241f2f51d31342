import type { IEvent } from 'etcd3'
import type { Revision } from '@meridian/topology'
import type { RecordChange } from '../store.ts'
import { keyText, revisionOf } from './records.ts'

export interface WholeRevision {
  readonly revision: Revision
  readonly changes: readonly RecordChange[]
}

/**
 * Puts the fragments of responses together to whole revisions. etcd may cut a long response anywhere, within a
 * revision too; a revision is whole when a later one begins or the response's last fragment is there.
 */
export class RevisionAssembler {
  #revision = 0n as Revision
  #changes: RecordChange[] = []

  add(events: readonly IEvent[], lastFragment: boolean): WholeRevision[] {
    const whole: WholeRevision[] = []
    const finish = (): void => {
      if (this.#changes.length > 0) whole.push({ revision: this.#revision, changes: this.#changes })
      this.#changes = []
    }
    for (const { type, kv } of events) {
      const modRevision = revisionOf(kv.mod_revision)
      if (modRevision !== this.#revision) finish()
      this.#revision = modRevision
      this.#changes.push({ key: keyText(kv.key), value: type === 'Delete' ? undefined : kv.value, modRevision })
    }
    if (lastFragment) finish()
    return whole
  }
}
